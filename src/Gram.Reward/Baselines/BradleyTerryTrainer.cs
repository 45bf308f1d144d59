using Gram.Models;
using Gram.Models.Tokenization;
using Gram.Models.Transformer;
using Gram.Pipes;
using Gram.Pipes.Events;
using Gram.Reward.Judging;
using Gram.Reward.Training;
using Gram.Training.Batches;
using Gram.Training.Optimisation;
using Gram.Training.Runs;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Reward.Baselines;

/// <summary>
/// Trains the rival of GRAM's paper, a Bradley–Terry reward head with its whole trunk, by the settings of a GRAM run: checkpoint, data,
/// rates, batches, seed. All of its tensor work, judging included, happens on one thread of its own.
/// </summary>
/// <param name="options">The run.</param>
/// <param name="steps">Told of every logged step.</param>
/// <param name="device">Where the model is; the CPU unless given.</param>
/// <param name="dtype">What is computed in; the weights that are stepped are float32.</param>
public sealed class BradleyTerryTrainer(GramTrainingOptions options, IPublisher<StepLogged>? steps = null, Device? device = null, ScalarType dtype = ScalarType.Float32)
{
    private const string Job = "bradley-terry";

    /// <summary>Trains on pairs whose answer A is the better one, and hands the trained judge over.</summary>
    /// <typeparam name="T">What is made of it.</typeparam>
    /// <param name="pairs">The pairs.</param>
    /// <param name="use">Uses the judge, which goes with its model afterwards.</param>
    /// <param name="cancellationToken">Stops it; nothing is kept.</param>
    /// <exception cref="GramException">The checkpoint is wrong, or has no known chat template.</exception>
    /// <exception cref="RunStoppedException">Too many gradients in a row were not finite.</exception>
    public Task<T> TrainAsync<T>(IReadOnlyList<AnswerPair> pairs, Func<RewardHead, Task<T>> use, CancellationToken cancellationToken = default) =>
        DeviceThread.RunAsync(() => TrainHere(pairs, use, cancellationToken));

    private async Task<T> TrainHere<T>(IReadOnlyList<AnswerPair> pairs, Func<RewardHead, Task<T>> use, CancellationToken cancellationToken)
    {
        var tokenizer = Tokenizer.Load(options.ModelNameOrPath);
        var template = ChatTemplate.Resolve(options.Template is GramConfig.NoTemplate ? options.Template : null, tokenizer);
        using var masters = CausalLM.Load(options.ModelNameOrPath, ScalarType.Float32, device);
        using var copy = dtype == ScalarType.Float32 ? null : masters.Clone(dtype);
        var trunk = copy ?? masters;
        trunk.SetTrainable(true);
        trunk.GradientCheckpointing = options.GradientCheckpointing;
        var random = new RandomSource(options.Seed);
        using var head = new RewardHead(trunk, tokenizer, template, Math.Min(options.CutoffLen, trunk.Config.MaxPositionEmbeddings), random.Fork());
        using (var optimiser = new AdamW(head.Parameters, new AdamWOptions
        {
            Beta1 = options.AdamBeta1,
            Beta2 = options.AdamBeta2,
            Epsilon = options.AdamEpsilon,
            WeightDecay = options.WeightDecay,
            MaxGradNorm = options.MaxGradNorm,
        }, head.WithHead(masters)))
        {
            Train(head, trunk, optimiser, pairs, random, cancellationToken);
        }
        return await use(head);
    }

    private void Train(RewardHead head, CausalLM trunk, AdamW optimiser, IReadOnlyList<AnswerPair> pairs, RandomSource random, CancellationToken cancellationToken)
    {
        (int[] Chosen, int[] Rejected)[] examples = [.. pairs.Select(pair => (head.Ids(pair.Question, pair.AnswerA), head.Ids(pair.Question, pair.AnswerB)))];
        var plan = TrainingPlan.Of(examples.Length, options.PerDeviceTrainBatchSize, options.GradientAccumulationSteps, options.NumTrainEpochs, options.MaxSteps, options.WarmupRatio, options.WarmupSteps);
        var sampler = new EpochSampler(examples.Length, options.PerDeviceTrainBatchSize * options.GradientAccumulationSteps, random.Fork());
        var progress = new TrainingProgress();
        while (progress.Step < plan.TotalSteps)
        {
            progress.Clock.Start();
            var rate = LearningRateSchedule.At(options.LrSchedulerType, options.LearningRate, progress.Step, plan.TotalSteps, plan.WarmupSteps);
            var loss = Accumulate(head, optimiser, [.. sampler.At(progress.Step).Select(index => examples[index])], cancellationToken);
            var gradNorm = optimiser.Step(rate);
            trunk.WeightsChanged();
            progress.Add(loss, gradNorm);
            progress.Clock.Stop();
            if (progress.SkippedInARow >= options.MaxSkippedSteps) throw new RunStoppedException($"the Bradley–Terry baseline: {progress.SkippedInARow} steps in a row had gradients that are not finite (max_skipped_steps); try a lower learning_rate");
            if (progress.Step != plan.TotalSteps && progress.Step % options.LoggingSteps != 0) continue;
            var metrics = new Dictionary<string, double> { ["loss"] = progress.TakeWindowLoss(), ["grad_norm"] = gradNorm, ["learning_rate"] = rate, ["epoch"] = plan.EpochAfter(progress.Step) };
            steps?.Publish(new StepLogged(Job, progress.Step, plan.TotalSteps, metrics) { Elapsed = progress.Clock.Elapsed });
        }
    }

    /// <summary>Forward and backward of an optimiser step over pairs of like length; each loss is divided by the pairs of the whole step.</summary>
    /// <returns>The step's mean loss.</returns>
    private double Accumulate(RewardHead head, AdamW optimiser, (int[] Chosen, int[] Rejected)[] examples, CancellationToken cancellationToken)
    {
        var total = 0.0;
        foreach (var micro in examples.OrderBy(example => Math.Max(example.Chosen.Length, example.Rejected.Length)).Chunk(options.PerDeviceTrainBatchSize))
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var rewards = head.Rewards([.. micro.Select(example => example.Chosen), .. micro.Select(example => example.Rejected)]); // [2 · pairs]
            var sum = BradleyTerryLoss.PerPair(rewards[..micro.Length], rewards[micro.Length..]).sum();
            (sum / examples.Length).backward();
            optimiser.Accumulate();
            total += sum.ToDouble();
        }
        return total / examples.Length;
    }
}
