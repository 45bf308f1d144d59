using Gram.Ppo.Mathematics;
using Gram.Ppo.Records;
using Gram.Ppo.Rewards;
using Gram.Ppo.Stages;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Ppo;

/// <summary>
/// 7. Metrics under TRL's names. objective/* are means over responses of token sums; policy/*, loss/*, val/* are means over the
/// trained tokens of the step. (TRL's own average over padding and over micro-batch means, and its approxkl is ½·mean Δ².)
/// </summary>
public static class StepMetrics
{
    /// <summary>A step's metrics.</summary>
    /// <param name="update">What the step did.</param>
    /// <param name="seconds">Seconds by stage: generate, judge (until it has answered) and what of that was waited for, score, advantage, update. What a resumed run found done has none.</param>
    /// <param name="step">Wall time of the step, from the end of the one before: that of the stages, less what overlapped.</param>
    /// <param name="evaluation">Of this step, if there was one.</param>
    public static Dictionary<string, double> Of(Update update, IReadOnlyDictionary<string, double> seconds, double step, Evaluation? evaluation)
    {
        using var scope = NewDisposeScope();
        var (experience, scores) = (update.Experience, update.Experience.Scores);
        var (rollout, verdicts) = (scores.Rollout, experience.Judgement.Verdicts);
        double rows = rollout.Rows.Count;
        var nonScore = experience.KlInReward ? -experience.Beta * experience.MeanKl : 0;
        var judged = verdicts.Where(verdict => verdict.Text != verdict.Reference).Select(verdict => verdict.Pair.OrderDisagreement).DefaultIfEmpty(0);

        var metrics = new Dictionary<string, double>
        {
            ["objective/kl"] = experience.MeanKl,
            ["objective/kl_k3"] = Masked.Fill(Kl.K3(scores.OldLogProbs, scores.RefLogProbs), scores.Mask).sum(1).mean().ToDouble(),
            ["objective/kl_coef"] = experience.Beta,
            ["objective/entropy"] = -Masked.Fill(scores.OldLogProbs, scores.Mask).sum(1).mean().ToDouble(),
            ["objective/non_score_reward"] = nonScore,
            ["objective/scores"] = experience.RawRewards.Average(),
            ["objective/rlhf_reward"] = experience.Rewards.Average() + nonScore,
            ["val/num_eos_tokens"] = rollout.Rows.Count(row => row.Response.Ended),
            ["lr"] = update.LearningRate,
            ["grad_norm"] = update.GradNorm,
            ["episode"] = rollout.Step * rows,
            ["gram/win_rate"] = verdicts.Average(verdict => verdict.Win),
            ["gram/order_disagreement"] = judged.Average(),
            ["gram/marker_rate"] = verdicts.Count(verdict => verdict.Marker) / rows,
            ["gram/distinct_2"] = Distinct2.Of(rollout.Rows.Zip(verdicts, (row, verdict) => Distinct2.Written(row.Prompt.Prompt, verdict.Text))),
            ["gram/reward_length_correlation"] = Correlation.Of(experience.RawRewards, [.. rollout.Rows.Select(row => (double)row.Response.Tokens.Length)]),
            ["gram/logprob_gap"] = scores.LogProbGap.Mean,
            ["gram/logprob_gap_max"] = scores.LogProbGap.Max,
            ["gram/policy_lag"] = update.PolicyLag,
            ["gram/skipped_steps"] = update.Skipped,
            ["tokens/response_len_mean"] = rollout.Rows.Average(row => row.Response.Tokens.Length),
            ["tokens/truncated_rate"] = rollout.Rows.Count(row => !row.Response.Ended) / rows,
        };
        foreach (var (term, mean) in experience.TermMeans) metrics[$"reward/{term}"] = mean;
        AddUpdate(metrics, update);
        if (evaluation is not null) AddEvaluation(metrics, evaluation);
        AddSpeed(metrics, update, seconds, step);
        return metrics;
    }

    /// <summary>Whether a metric is of time or memory, and so differs between runs that are otherwise the same.</summary>
    public static bool IsOfTheMachine(string name) =>
        name == "eps" || name.StartsWith("time/", StringComparison.Ordinal) || name.StartsWith("throughput/", StringComparison.Ordinal) || name.StartsWith("memory/", StringComparison.Ordinal);

    private static void AddUpdate(Dictionary<string, double> metrics, Update update)
    {
        var statistics = update.Statistics;
        if (statistics.Tokens == 0) return; // every mini-batch was skipped or masked
        metrics["policy/approxkl_avg"] = statistics.ApproxKl;
        metrics["policy/clipfrac_avg"] = statistics.PolicyClipFraction;
        metrics["policy/entropy_avg"] = statistics.Entropy;
        metrics["loss/policy_avg"] = statistics.PolicyLoss;
        metrics["val/ratio"] = statistics.Ratio;
        metrics["val/ratio_var"] = statistics.RatioVariance;
        if (update.Experience.Returns is null) return;
        metrics["loss/value_avg"] = statistics.ValueLoss;
        metrics["val/clipfrac_avg"] = statistics.ValueClipFraction;
        metrics["val/var_explained"] = statistics.VarianceExplained;
    }

    private static void AddEvaluation(Dictionary<string, double> metrics, Evaluation evaluation)
    {
        Add("eval/win_rate_vs_initial", evaluation.WinRate);
        metrics["eval/kl"] = evaluation.Kl;
        metrics["eval/reference_perplexity"] = evaluation.ReferencePerplexity;
        if (evaluation.Gold is { } gold) Add("eval/gold", gold);
        if (evaluation.SampledGold is { } sampled) Add("eval/gold_sampled", sampled);

        void Add(string name, Estimate estimate)
        {
            metrics[name] = estimate.Mean;
            metrics[name + "_low"] = estimate.Low;
            metrics[name + "_high"] = estimate.High;
        }
    }

    private static void AddSpeed(Dictionary<string, double> metrics, Update update, IReadOnlyDictionary<string, double> seconds, double step)
    {
        var judgement = update.Experience.Judgement;
        foreach (var (stage, time) in seconds) metrics[$"time/{stage}"] = time;
        metrics["time/step"] = step;
        metrics["eps"] = judgement.Rollout.Rows.Count / step;
        if (seconds.TryGetValue("generate", out var generating)) metrics["throughput/generate_tokens_per_s"] = judgement.Rollout.GeneratedTokens / generating;
        metrics["throughput/judge_pairs_per_s"] = judgement.JudgedPairs / seconds["judge"];
        metrics["throughput/train_tokens_per_s"] = update.SequenceTokens / seconds["update"];
        using var process = System.Diagnostics.Process.GetCurrentProcess();
        metrics["memory/peak_bytes"] = process.PeakWorkingSet64;
    }
}
