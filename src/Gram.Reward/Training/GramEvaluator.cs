using Gram.Models.Tokenization;
using Gram.Models.Transformer;
using Gram.Reward.Encoding;
using Gram.Reward.Judging;
using static TorchSharp.torch;

namespace Gram.Reward.Training;

/// <summary>Held-out data against the model under training.</summary>
internal sealed class GramEvaluator(CausalLM model, Tokenizer tokenizer, ExampleSource examples, TrainingObjective objective, int batchSize)
{
    /// <summary>Pairs are judged in both orders, as the trained judge will; rows are scored as in training. Null without data.</summary>
    public async Task<GramEvaluation?> EvaluateAsync(CancellationToken cancellationToken)
    {
        var (pairs, rows) = (examples.EvalPairs, examples.Eval);
        if (pairs.Count + rows.Count == 0) return null;
        using var noGrad = no_grad();
        var scores = await JudgeAsync(pairs, cancellationToken);

        var (loss, weight, correct) = (0.0, 0, scores.Count(score => score.ScoreA > score.ScoreB));
        foreach (var batch in rows.OrderBy(row => row.Ids.Length).Chunk(batchSize))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var (batchLoss, batchCorrect) = objective.Evaluate(model, batch);
            loss += batchLoss;
            correct += batchCorrect;
            weight += batch.Sum(objective.Weight);
        }
        return new(
            pairs.Count + rows.Count,
            objective is LabelObjective ? (double)correct / (pairs.Count + rows.Count) : null,
            pairs.Count > 0 ? scores.Average(score => score.OrderDisagreement) : null,
            rows.Count > 0 ? loss / Math.Max(1, weight) : null);
    }

    private async Task<IReadOnlyList<PairScore>> JudgeAsync(IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken)
    {
        if (pairs.Count == 0) return [];
        using var judge = new GramJudge(model, tokenizer, examples.Judge);
        var scores = await judge.ScoreAsync(pairs, cancellationToken);
        model.WeightsChanged(); // training changes them, and has no use for the memory of the kernel
        return scores;
    }
}
