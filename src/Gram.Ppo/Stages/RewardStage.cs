using Gram.Ppo.Mathematics;
using Gram.Ppo.Records;
using Gram.Ppo.Rewards;
using Gram.Training.Runs;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Ppo.Stages;

/// <summary>4 and 5. Builds rewards per token and advantages of a whole rollout.</summary>
/// <param name="options">Transform, normalisation, truncation, estimator.</param>
/// <param name="kl">The KL term's weight.</param>
/// <param name="normaliser">Running scale of the rewards.</param>
/// <param name="estimator">What compares a query's samples instead of RLOO's or GRPO's formula; null: those.</param>
public sealed class RewardStage(PpoOptions options, KlController kl, RewardNormaliser normaliser, IAdvantageEstimator? estimator = null)
{
    private readonly RewardWeights weights = new(options.RewardWeights);

    /// <summary>Turns scores into experience, and steers the KL term for the next step. Takes over the judged rollout.</summary>
    /// <exception cref="RunStoppedException">The policy is further from its reference than max_kl.</exception>
    public Experience Credit(JudgedRollout rollout)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var (scored, judgement) = rollout;
        var judged = Judged(judgement);
        var (raw, rewards) = Rewards(judgement, judged);
        var beta = kl.Beta;
        var (mask, trainMask) = (scored.Mask, TrainMask(scored));
        var kls = Masked.Fill(Kl.K1(scored.OldLogProbs, scored.RefLogProbs), mask); // [rows, responseTokens]
        var meanKl = kls.sum(1).mean().ToDouble();
        if (meanKl > options.MaxKl) throw new RunStoppedException($"KL from the reference is {meanKl:0.###} nats a response, above max_kl {options.MaxKl}");
        var rewardBeta = options.HasKlInReward ? beta : 0;

        Tensor advantages;
        Tensor? returns = null;
        if (options.ComparesSamples)
        {
            var totals = rewards.Zip(kls.sum(1).to(CPU).data<float>(), (reward, total) => reward - (rewardBeta * total)).ToArray();
            int[] queries = [.. scored.Rollout.Rows.Select(row => row.Query)];
            var compared = options.Advantage == Advantage.Rloo ? totals : rewards;
            var perRow = estimator is not null ? estimator.Estimate(compared, queries) : options.Advantage == Advantage.Rloo ? Advantages.Rloo(compared, queries) : Advantages.Grpo(compared, queries);
            advantages = Masked.Fill(RowTensor(perRow, kls).unsqueeze(1).expand_as(kls), trainMask);
        }
        else if (options.Advantage == Advantage.Remax)
        {
            var scale = options.NormalisesRewards ? normaliser.Scale : 1;
            var baselines = Mixture(judgement, [.. judged.Select(_ => RewardTransforms.Tie(options.RewardTransform))], term => term.OfReferences);
            var tokenRewards = TokenRewards.Build(kls, rewardBeta, RowTensor(rewards.Zip(baselines, (reward, baseline) => reward - (baseline / scale)), kls), mask);
            advantages = Masked.Fill(Advantages.Remax(tokenRewards, mask, options.Gamma), trainMask);
        }
        else
        {
            var tokenRewards = TokenRewards.Build(kls, rewardBeta, RowTensor(rewards, kls), mask);
            if (options.PpoWhitenRewards) tokenRewards = Whitening.Whiten(tokenRewards, trainMask, shiftMean: false);
            (advantages, returns) = Advantages.Gae(tokenRewards, scored.Values!, mask, options.Gamma, options.Lam);
            advantages = Whitening.Whiten(advantages, trainMask);
        }
        kl.Update(meanKl, rewards.Length);
        return new Experience
        {
            Scores = scored,
            Judgement = judgement,
            RawRewards = raw,
            Rewards = rewards,
            TermMeans = judgement.Terms.Select(term => (term.Name, term.Rewards.Average())).Prepend((RewardWeights.Judge, judged.Average())).ToDictionary(),
            Beta = beta,
            KlInReward = options.HasKlInReward,
            MeanKl = meanKl,
            Kl = kls.DetachFromDisposeScope(),
            TrainMask = trainMask.DetachFromDisposeScope(),
            Advantages = advantages.DetachFromDisposeScope(),
            Returns = returns?.DetachFromDisposeScope(),
        };
    }

    /// <summary>Rewards by row, before and after normalisation. Truncation's penalty replaces both and stays out of the running scale.</summary>
    private (double[] Raw, double[] Normalised) Rewards(Judgement judgement, double[] judged)
    {
        var penalised = judgement.Rollout.Rows.Select(row => options.TruncationPenalty is not null && !row.Response.Ended).ToArray();
        var raw = Mixture(judgement, judged, term => term.Rewards);
        normaliser.Update([.. raw.Where((_, i) => !penalised[i])]);
        var scale = options.NormalisesRewards ? normaliser.Scale : 1;
        return (
            [.. raw.Select((reward, i) => penalised[i] ? options.TruncationPenalty!.Value : reward)],
            [.. raw.Select((reward, i) => penalised[i] ? options.TruncationPenalty!.Value : reward / scale)]);
    }

    /// <summary>The judge's rewards by row.</summary>
    private double[] Judged(Judgement judgement) => [.. judgement.Verdicts.Select(verdict => RewardTransforms.Apply(options.RewardTransform, verdict.Score, options.RewardClip))];

    /// <summary>Σ weight · term by row.</summary>
    private double[] Mixture(Judgement judgement, double[] judged, Func<TermRewards, IReadOnlyList<double>> rewards) =>
        [.. judged.Select((reward, row) => (weights.Of(RewardWeights.Judge) * reward) + judgement.Terms.Sum(term => weights.Of(term.Name) * rewards(term)[row]))];

    private Tensor TrainMask(ScoredRollout scored)
    {
        if (!options.MasksTruncated) return scored.Mask.clone();
        using var ended = tensor(scored.Rollout.Rows.Select(row => row.Response.Ended).ToArray(), device: scored.Mask.device);
        return scored.Mask.logical_and(ended.unsqueeze(1));
    }

    private static Tensor RowTensor(IEnumerable<double> rewards, Tensor like) =>
        tensor(rewards.Select(reward => (float)reward).ToArray(), device: like.device);
}
