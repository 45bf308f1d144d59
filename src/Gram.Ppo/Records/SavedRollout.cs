using static TorchSharp.torch;

namespace Gram.Ppo.Records;

/// <summary>A scored rollout as a checkpoint keeps it: its tensors are plain numbers, which nobody must dispose of.</summary>
/// <param name="Rollout">The responses.</param>
/// <param name="OldLogProbs">[rows · responseTokens] log-probs under the rollout policy.</param>
/// <param name="RefLogProbs">[rows · responseTokens] log-probs under the reference policy.</param>
/// <param name="Values">[rows · responseTokens] V before each token; null without a value model.</param>
internal sealed record SavedRollout(Rollout Rollout, float[] OldLogProbs, float[] RefLogProbs, float[]? Values)
{
    public static SavedRollout Of(ScoredRollout scored) => new(scored.Rollout, Numbers(scored.OldLogProbs), Numbers(scored.RefLogProbs), scored.Values is { } values ? Numbers(values) : null);

    private static float[] Numbers(Tensor scores)
    {
        using var onCpu = scores.cpu();
        return onCpu.data<float>().ToArray();
    }
}
