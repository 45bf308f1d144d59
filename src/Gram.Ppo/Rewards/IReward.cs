using Gram.Reward.Data;

namespace Gram.Ppo.Rewards;

/// <summary>A response whose reward is asked for.</summary>
/// <param name="Prompt">Its prompt: text or messages, and the other fields of its row (<see cref="Prompt.Row"/>).</param>
/// <param name="PromptText">The prompt as the policy read it, control tokens included.</param>
/// <param name="Response">The response as the judge reads it: without control tokens and thoughts, trimmed.</param>
/// <param name="RawResponse">The response as it was decoded, control tokens included.</param>
/// <param name="Reference">What the judge compared it with.</param>
/// <param name="Tokens">Its length in the policy's tokens, the end token included.</param>
/// <param name="Ended">Whether it ended by itself, and not at max_new_tokens.</param>
/// <param name="IsReference">Whether it is no sample but the reference response itself, whose reward is ReMax's baseline.</param>
public sealed record RewardRequest(Prompt Prompt, string PromptText, string Response, string RawResponse, string Reference, int Tokens, bool Ended, bool IsReference = false);

/// <summary>
/// A term of PPO's reward beside the judge: the reward is Σ weight · term. In an assembly that <c>reward_plugins</c> names, every public
/// class that implements it and has a constructor without parameters is a term; one that is <see cref="IDisposable"/> is disposed with the run.
/// </summary>
public interface IReward
{
    /// <summary>Its name, of letters, digits and _: its weight's in <c>reward_weights</c>, and the metric <c>reward/NAME</c>.</summary>
    string Name { get; }

    /// <summary>A finite reward of each response, in their order. Asked once a step.</summary>
    ValueTask<IReadOnlyList<double>> RewardAsync(IReadOnlyList<RewardRequest> responses, CancellationToken cancellationToken = default);
}
