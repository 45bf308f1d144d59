using Gram.Training.Optimisation;

namespace Gram.Training.Batches;

/// <summary>How many optimiser steps a run takes, counted as transformers counts them.</summary>
/// <param name="BatchesPerEpoch">Micro-batches of an epoch, the last one short.</param>
/// <param name="StepsPerEpoch">Optimiser steps of an epoch: ceil(micro-batches / accumulation), the last one short.</param>
/// <param name="TotalSteps">Optimiser steps of the run: ceil(epochs × steps of an epoch), or max_steps.</param>
/// <param name="WarmupSteps">Steps of warm-up: those given, or ceil(ratio × total).</param>
public sealed record TrainingPlan(int BatchesPerEpoch, int StepsPerEpoch, int TotalSteps, int WarmupSteps)
{
    /// <summary>Micro-batches of an optimiser step.</summary>
    public required int Accumulation { get; init; }

    /// <summary>Counts the steps. maxSteps and warmupSteps win where they are above 0.</summary>
    public static TrainingPlan Of(int examples, int batchSize, int accumulation, double epochs, int maxSteps = -1, double warmupRatio = 0, int warmupSteps = 0)
    {
        var batches = Ceiling(examples, batchSize);
        var stepsPerEpoch = Ceiling(batches, accumulation);
        var total = maxSteps > 0 ? maxSteps : (int)Math.Ceiling(epochs * stepsPerEpoch);
        return new(batches, stepsPerEpoch, total, warmupSteps > 0 ? warmupSteps : LearningRateSchedule.WarmupSteps(warmupRatio, total)) { Accumulation = accumulation };
    }

    /// <summary>Epochs done after so many steps.</summary>
    public double EpochAfter(int steps) =>
        steps / StepsPerEpoch + (double)Math.Min(steps % StepsPerEpoch * Accumulation, BatchesPerEpoch) / BatchesPerEpoch;

    private static int Ceiling(int count, int size) => (count + size - 1) / size;
}
