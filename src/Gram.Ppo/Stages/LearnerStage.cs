using Gram.Models;
using Gram.Models.Scoring;
using Gram.Models.Transformer;
using Gram.Pipes.Events;
using Gram.Ppo.Mathematics;
using Gram.Ppo.Records;
using Gram.Training.Optimisation;
using Gram.Training.Parallel;
using Gram.Training.Runs;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Ppo.Stages;

/// <summary>6. Updates policy and value model: epochs over the rollout's mini-batches, clipped losses, AdamW.</summary>
/// <param name="policy">The policy, trainable.</param>
/// <param name="policyOptimizer">Its optimiser.</param>
/// <param name="value">The value model with its optimiser, if the estimator has one.</param>
/// <param name="options">Losses, sizes, rates, guards.</param>
/// <param name="totalSteps">PPO steps of the run.</param>
/// <param name="random">Shuffles the micro-batches' order.</param>
/// <param name="notices">Told of skipped steps.</param>
/// <param name="group">The run's processes: each has micro-batches of its own of every mini-batch.</param>
public sealed class LearnerStage(
    CausalLM policy, AdamW policyOptimizer, (ValueModel Model, AdamW Optimizer)? value,
    PpoOptions options, int totalSteps, RandomSource random, IPublisher<Notice> notices, IProcessGroup group)
{
    private readonly int totalOptimizerSteps = totalSteps * options.PpoEpochs * options.PpoBufferSize;

    /// <summary>Optimiser steps so far: the learning rate's clock. Saved in checkpoints.</summary>
    public int OptimizerStep { get; set; }

    /// <summary>Skipped steps in a row. Saved in checkpoints.</summary>
    public int SkippedInARow { get; set; }

    /// <summary>Optimiser steps of warm-up.</summary>
    public int WarmupSteps => options.WarmupSteps > 0 ? options.WarmupSteps : LearningRateSchedule.WarmupSteps(options.WarmupRatio, totalOptimizerSteps);

    /// <summary>Whether the run's first optimiser step has rate 0.</summary>
    public bool FirstStepIsIdle => options.LearningRate > 0 && OptimizerStep == 0 && Rate(options.LearningRate) == 0;

    /// <summary>Learns from one rollout. Takes over the experience.</summary>
    /// <exception cref="RunStoppedException">Too many steps in a row were not finite.</exception>
    public Update Learn(Experience experience)
    {
        var statistics = new UpdateStatistics();
        var lag = OptimizerStep - experience.Scores.Rollout.OptimizerStep;
        var (rate, norms, skipped, sequenceTokens) = (0.0, new List<double>(), 0, 0L);
        foreach (var miniBatch in MiniBatches(experience.Scores.MicroBatches))
        {
            var tokens = miniBatch.Sum(micro => TrainedTokens(experience, micro));
            if (tokens == 0) continue; // truncation: mask left nothing to learn from
            var mini = new UpdateStatistics();
            var loss = Backward(experience, miniBatch, tokens, mini);
            sequenceTokens += miniBatch.Sum(micro => SequenceTokens(experience, micro));
            if (options.TargetKl < mini.ApproxKl)
            {
                statistics.Add(mini);
                ZeroGrad();
                break;
            }
            rate = Rate(options.LearningRate);
            if (Step(loss) is { } norm)
            {
                norms.Add(norm);
                statistics.Add(mini);
            }
            else
            {
                skipped++;
            }
        }
        return new Update
        {
            Experience = experience,
            Statistics = statistics,
            LearningRate = rate,
            GradNorm = norms.Count == 0 ? 0 : norms.Average(),
            PolicyLag = lag,
            Skipped = skipped,
            SequenceTokens = sequenceTokens,
        };
    }

    /// <summary>Epochs shuffle the order of micro-batches, whose rows stay together.</summary>
    private IEnumerable<MicroBatch[]> MiniBatches(IReadOnlyList<MicroBatch> micros) =>
        Enumerable.Range(0, options.PpoEpochs).SelectMany(_ =>
        {
            var order = micros.ToArray();
            random.Shuffle(order);
            return order.Chunk(options.GradientAccumulationSteps * group.Size);
        });

    /// <summary>Forward and backward of this process's micro-batches of a mini-batch; gradients, statistics and the loss, which it returns, are then those of all.</summary>
    private double Backward(Experience experience, MicroBatch[] miniBatch, long tokens, UpdateStatistics statistics)
    {
        var loss = miniBatch.Where((_, place) => group.IsMine(place)).Sum(micro => Backward(experience, micro, tokens, statistics));
        policyOptimizer.SumOverProcesses();
        value?.Optimizer.SumOverProcesses();
        statistics.SumOver(group);
        return group.Total(loss)[0];
    }

    /// <summary>Forward and backward of one micro-batch, its losses divided by the mini-batch's tokens. Returns its share of the loss.</summary>
    private double Backward(Experience experience, MicroBatch micro, long tokens, UpdateStatistics statistics)
    {
        using var scope = NewDisposeScope();
        Tensor Rows(Tensor whole) => whole[micro.Start..micro.End, ..(int)micro.Batch.ResponseLength]; // [rows, responseTokens]
        var (mask, oldLogProbs) = (Rows(experience.TrainMask), Rows(experience.Scores.OldLogProbs));

        var hidden = policy.Hidden(micro.Batch.Tokens);
        var scores = TokenScorer.Score(policy, hidden, micro.Batch, options.Temperature, withEntropyGradient: options.EntropyCoef > 0);
        var policyLoss = PpoLoss.Policy(scores.LogProbs, oldLogProbs, Rows(experience.Advantages), mask, options.Cliprange, tokens);
        var loss = policyLoss.Loss;
        if (!options.HasKlInReward) loss += experience.Beta * PpoLoss.Kl(scores.LogProbs, Rows(experience.Scores.RefLogProbs), mask, tokens);
        if (options.EntropyCoef > 0) loss -= options.EntropyCoef * Masked.Sum(scores.Entropy, mask) / tokens;
        statistics.AddPolicy(policyLoss, scores.LogProbs, oldLogProbs, scores.Entropy, mask, tokens);
        if (value is null) return Descend(loss);
        // A trunk of its own has a graph of its own: the policy's is freed before it is built.
        return value.Value.Model.IsShared ? Descend(loss + ValueLoss()) : Descend(loss) + Descend(ValueLoss());

        Tensor ValueLoss()
        {
            var (values, returns) = (value.Value.Model.Score(micro.Batch, hidden), Rows(experience.Returns!));
            var valueLoss = PpoLoss.Value(values, Rows(experience.Scores.Values!), returns, mask, options.CliprangeValue, tokens);
            statistics.AddValue(valueLoss, values, returns, mask, tokens);
            return options.VfCoef * valueLoss.Loss;
        }

        double Descend(Tensor total)
        {
            total.backward();
            policyOptimizer.Accumulate();
            value?.Optimizer.Accumulate();
            return total.ToDouble();
        }
    }

    /// <summary>One optimiser step; null where loss or gradient is not finite, and nothing but the schedule moves.</summary>
    private double? Step(double loss)
    {
        var (rate, valueRate) = (Rate(options.LearningRate), Rate(options.ValueLearningRate));
        OptimizerStep++;
        var (norm, valueNorm) = (policyOptimizer.GradNorm(), value?.Optimizer.GradNorm() ?? 0);
        if (!double.IsFinite(loss) || !double.IsFinite(norm) || !double.IsFinite(valueNorm))
        {
            ZeroGrad();
            SkippedInARow++;
            notices.Publish(new Notice($"optimiser step {OptimizerStep} skipped: loss or gradient is not finite ({SkippedInARow} in a row)", IsWarning: true));
            if (SkippedInARow >= options.MaxSkippedSteps) throw new RunStoppedException($"{SkippedInARow} optimiser steps in a row were not finite (max_skipped_steps); lower learning_rate");
            return null;
        }
        SkippedInARow = 0;
        policyOptimizer.Step(rate, norm);
        policy.WeightsChanged();
        value?.Optimizer.Step(valueRate, valueNorm);
        return norm;
    }

    private double Rate(double baseRate) => LearningRateSchedule.At(options.LrSchedulerType, baseRate, OptimizerStep, totalOptimizerSteps, WarmupSteps);

    private void ZeroGrad()
    {
        policyOptimizer.ZeroGrad();
        value?.Optimizer.ZeroGrad();
    }

    private static long SequenceTokens(Experience experience, MicroBatch micro) =>
        experience.Scores.Rollout.Rows.Skip(micro.Start).Take(micro.Batch.Rows).Sum(row => row.Prompt.Tokens.Length + row.Response.Tokens.Length);

    private static long TrainedTokens(Experience experience, MicroBatch micro)
    {
        using var scope = NewDisposeScope();
        return experience.TrainMask[micro.Start..micro.End].sum().ToInt64();
    }
}
