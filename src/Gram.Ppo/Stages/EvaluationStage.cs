using Gram.Models;
using Gram.Models.Generation;
using Gram.Models.Scoring;
using Gram.Models.Transformer;
using Gram.Ppo.Mathematics;
using Gram.Ppo.Records;
using Gram.Training.Parallel;
using static TorchSharp.torch;

namespace Gram.Ppo.Stages;

/// <summary>How the policy does on held-out prompts.</summary>
/// <param name="WinRate">Share of greedy answers that the judge prefers to the initial policy's, ties ½.</param>
/// <param name="GoldWinRate">The same by the gold measure, where there is one.</param>
/// <param name="Gold">Mean gold score of the greedy answers, where there is one.</param>
/// <param name="SampledGold">Mean gold score of the samples that KL is measured on, where there is one.</param>
/// <param name="Kl">Mean Σ k1 against the reference of one sample a prompt, in nats.</param>
/// <param name="ReferencePerplexity">Of the same samples under the reference: e to the mean negative log-prob of their tokens. Far below its start the policy repeats what is likeliest, far above it has left the language.</param>
/// <param name="Answers">The greedy answers.</param>
public sealed record Evaluation(Estimate WinRate, Estimate? GoldWinRate, Estimate? Gold, Estimate? SampledGold, double Kl, double ReferencePerplexity, IReadOnlyList<string> Answers);

/// <summary>
/// Measures progress apart from the reward, which is relative to the current greedy answer and stays near 0 however good the
/// policy gets: held-out prompts, judged against the initial policy's greedy answers.
/// </summary>
/// <param name="prompts">Held-out prompts; at least one.</param>
/// <param name="scoring">The judge.</param>
/// <param name="gold">The task's own measure, if any.</param>
/// <param name="generator">Over the policy.</param>
/// <param name="policy">The policy.</param>
/// <param name="reference">The frozen reference policy.</param>
/// <param name="text">What of a response is judged.</param>
/// <param name="options">Sampling and sizes.</param>
/// <param name="seed">Of the samples that KL is measured on: the same draws at every evaluation.</param>
/// <param name="padToken">Fills shorter rows.</param>
/// <param name="group">The run's processes.</param>
public sealed class EvaluationStage(
    IReadOnlyList<PolicyPrompt> prompts, PairScoring scoring, IGoldMeasure? gold,
    SharedGenerator generator, CausalLM policy, CausalLM reference, AnswerText text, PpoOptions options, ulong seed, int padToken, IProcessGroup group)
{
    /// <summary>The initial policy's greedy answers: set before the first update.</summary>
    public IReadOnlyList<string> InitialAnswers { get; set; } = [];

    /// <summary>Mean gold score of the initial policy's greedy answers.</summary>
    public Estimate? InitialGold => gold is null ? null : Estimate.OfMean(GoldScores(InitialAnswers));

    /// <summary>Measures the policy as it is.</summary>
    public async Task<Evaluation> EvaluateAsync(CancellationToken cancellationToken)
    {
        var groups = generator.Generate([.. prompts.Select(prompt => prompt.Tokens)], options.EvalSampling, greedy: true, samples: 1, new RandomSource(seed), options.PerDeviceEvalBatchSize, options.EvalSampling.Filters, cancellationToken: cancellationToken);
        var answers = prompts.Zip(groups, (prompt, group) => text.Of(prompt, group.Greedy!)).ToArray();
        var (verdicts, _, _) = await scoring.ScoreAsync([.. prompts.Select((prompt, i) => (prompt.Question, answers[i], InitialAnswers[i]))], cancellationToken);
        var (kl, perplexity) = AgainstReference([.. groups.Select(group => group.Samples[0])]);
        var (before, after) = gold is null ? ([], []) : (GoldScores(InitialAnswers), GoldScores(answers));
        return new Evaluation(
            Estimate.OfWins([.. verdicts.Select(verdict => verdict.Win)]),
            gold is null ? null : Estimate.OfWins([.. after.Zip(before, Estimate.Win)]),
            gold is null ? null : Estimate.OfMean(after),
            gold is null ? null : Estimate.OfMean(GoldScores([.. prompts.Zip(groups, (prompt, group) => text.Of(prompt, group.Samples[0]))])),
            kl,
            perplexity,
            answers);
    }

    private double[] GoldScores(IReadOnlyList<string> answers) => [.. prompts.Select((prompt, i) => gold!.Score(prompt.Prompt, answers[i]))];

    /// <summary>Mean Σ k1 of a sample a prompt, and the samples' perplexity under the reference.</summary>
    private (double Kl, double Perplexity) AgainstReference(GeneratedSequence[] samples)
    {
        using var noGrad = no_grad();
        var (kl, likelihood) = (0.0, 0.0);
        foreach (var (place, rows) in Enumerable.Range(0, prompts.Count).OrderBy(i => prompts[i].Tokens.Length + samples[i].Tokens.Length).Chunk(options.PerDeviceTrainBatchSize).Index())
        {
            if (!group.IsMine(place)) continue;
            using var scope = NewDisposeScope();
            using var batch = new SequenceBatch([.. rows.Select(i => prompts[i].Tokens)], [.. rows.Select(i => samples[i].Tokens)], padToken, [.. rows.Select(i => samples[i].Kept)], policy.Device);
            var (ours, theirs) = (LogProbs(policy), LogProbs(reference));
            kl += Total(Kl.K1(ours, theirs));
            likelihood += Total(theirs);

            Tensor LogProbs(CausalLM model) => TokenScorer.LogProbs(model, model.Hidden(batch.Tokens), batch, options.EvalSampling.Temperature);
        }
        var totals = group.Total(kl, likelihood);
        return (totals[0] / prompts.Count, Math.Exp(-totals[1] / samples.Sum(sample => (long)sample.Tokens.Length)));

        static double Total(Tensor tokens) => tokens.to(float64).sum().item<double>();
    }
}
