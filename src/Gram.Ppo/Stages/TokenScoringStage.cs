using Gram.Models.Scoring;
using Gram.Models.Transformer;
using Gram.Ppo.Records;
using Gram.Training.Parallel;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Gram.Ppo.Stages;

/// <summary>
/// 3. Scores tokens under policy, reference and value model by the learner's own forward, in the update's micro-batches: the
/// decoder's kernels round differently, and with the same ones a ratio at lr 0 is exactly 1.
/// </summary>
/// <param name="policy">The policy as it generated.</param>
/// <param name="reference">The frozen reference policy.</param>
/// <param name="value">The value model, if the estimator has one.</param>
/// <param name="options">Temperature and micro-batch size.</param>
/// <param name="padToken">Fills shorter rows.</param>
/// <param name="group">The run's processes: each scores micro-batches of its own.</param>
public sealed class TokenScoringStage(CausalLM policy, CausalLM reference, ValueModel? value, PpoOptions options, int padToken, IProcessGroup group)
{
    /// <summary>Scores a rollout.</summary>
    public ScoredRollout Score(Rollout rollout)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var micros = MicroBatches(rollout.Rows);
        var (rows, width) = ShapeOf(rollout);
        Tensor None() => zeros(rows, width, device: policy.Device); // [rows, responseTokens]
        var (old, references, values) = (None(), None(), value is null ? null : None());
        foreach (var (place, micro) in micros.Index())
        {
            if (!group.IsMine(place)) continue; // stays 0, and is another process's
            using var inner = NewDisposeScope();
            var hidden = policy.Hidden(micro.Batch.Tokens);
            Put(TokenScorer.LogProbs(policy, hidden, micro.Batch, options.Temperature), old, micro);
            Put(TokenScorer.LogProbs(reference, reference.Hidden(micro.Batch.Tokens), micro.Batch, options.Temperature), references, micro);
            if (value is not null) Put(value.Score(micro.Batch, hidden), values!, micro);
        }
        foreach (var scores in new[] { old, references, values }.OfType<Tensor>()) group.Sum(scores);
        return Scored(rollout, micros, old, references, values);
    }

    /// <summary>The scores that a checkpoint has kept, which the weights that made them can no longer make.</summary>
    internal ScoredRollout Restore(SavedRollout saved)
    {
        using var scope = NewDisposeScope();
        var (rows, width) = ShapeOf(saved.Rollout);
        Tensor Of(float[] scores) => tensor(scores, [rows, width], device: policy.Device);
        return Scored(saved.Rollout, MicroBatches(saved.Rollout.Rows), Of(saved.OldLogProbs), Of(saved.RefLogProbs), saved.Values is null ? null : Of(saved.Values));
    }

    /// <summary>[rows, responseTokens] of a rollout's scores.</summary>
    private static (int Rows, int Width) ShapeOf(Rollout rollout) => (rollout.Rows.Count, rollout.Rows.Max(row => row.Response.Tokens.Length));

    private static ScoredRollout Scored(Rollout rollout, MicroBatch[] micros, Tensor old, Tensor references, Tensor? values) => new()
    {
        Rollout = rollout,
        MicroBatches = micros,
        Mask = cat([.. micros.Select(micro => F.pad(micro.Batch.Mask, [0, old.shape[1] - micro.Batch.ResponseLength]))]).DetachFromDisposeScope(),
        OldLogProbs = old.DetachFromDisposeScope(),
        RefLogProbs = references.DetachFromDisposeScope(),
        Values = values?.DetachFromDisposeScope(),
        LogProbGap = Gap(rollout.Rows, old, (int)old.shape[1]),
    };

    private MicroBatch[] MicroBatches(IReadOnlyList<RolloutRow> rows) =>
    [
        .. rows.Chunk(options.PerDeviceTrainBatchSize).Select((chunk, i) => new MicroBatch(i * options.PerDeviceTrainBatchSize, new SequenceBatch(
            [.. chunk.Select(row => row.Prompt.Tokens)],
            [.. chunk.Select(row => row.Response.Tokens)],
            padToken,
            [.. chunk.Select(row => row.Response.Kept)],
            policy.Device)))
    ];

    /// <summary>Puts a micro-batch's scores into its rows of the rollout's; behind its own longest response they stay 0.</summary>
    private static void Put(Tensor scores, Tensor all, MicroBatch micro) => all[micro.Start..micro.End, ..(int)scores.shape[1]].copy_(scores);

    /// <summary>How far the decoder's log-probs are from the learner's.</summary>
    private static (double Mean, double Max) Gap(IReadOnlyList<RolloutRow> rows, Tensor oldLogProbs, int width)
    {
        using var onCpu = oldLogProbs.cpu();
        var learner = onCpu.data<float>().ToArray();
        double sum = 0, max = 0;
        for (var row = 0; row < rows.Count; row++)
        {
            for (var t = 0; t < rows[row].Response.Tokens.Length; t++)
            {
                var gap = Math.Abs(rows[row].Response.LogProbs![t] - learner[(row * width) + t]);
                sum += gap;
                max = Math.Max(max, gap);
            }
        }
        return (sum / rows.Sum(row => row.Response.Tokens.Length), max);
    }
}
