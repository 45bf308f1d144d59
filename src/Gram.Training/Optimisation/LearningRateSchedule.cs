namespace Gram.Training.Optimisation;

/// <summary>Shape of the learning rate after warm-up (transformers' names).</summary>
public enum LrSchedulerType
{
    /// <summary>Half a cosine down to 0.</summary>
    Cosine,
    /// <summary>A line down to 0.</summary>
    Linear,
    /// <summary>Constant from the first step: there is no warm-up.</summary>
    Constant,
    /// <summary>Constant after warm-up.</summary>
    ConstantWithWarmup,
}

/// <summary>The rate of each optimiser step; the first of a warm-up runs at 0, as in transformers.</summary>
public static class LearningRateSchedule
{
    /// <summary>Rate used by step (0-based) of totalSteps, after warmupSteps. Source: transformers' get_*_schedule.</summary>
    public static double At(LrSchedulerType type, double baseRate, int step, int totalSteps, int warmupSteps)
    {
        if (type == LrSchedulerType.Constant) return baseRate;
        if (step < warmupSteps) return baseRate * ((double)step / warmupSteps);
        var decaySteps = (double)Math.Max(1, totalSteps - warmupSteps);
        return baseRate * type switch
        {
            LrSchedulerType.Cosine => Math.Max(0, 0.5 * (1 + Math.Cos(Math.PI * ((step - warmupSteps) / decaySteps)))),
            LrSchedulerType.Linear => Math.Max(0, (totalSteps - step) / decaySteps),
            _ => 1,
        };
    }

    /// <summary>What to tell who asks for a warm-up where the schedule has none; null where it has.</summary>
    public static string? UnusedWarmup(LrSchedulerType type, int warmupSteps) => type == LrSchedulerType.Constant && warmupSteps > 0
        ? $"warmup_steps {warmupSteps} does nothing: lr_scheduler_type constant has no warm-up, as in transformers; constant_with_warmup has one"
        : null;

    /// <summary>Steps of warm-up: ceil(ratio × total), as transformers rounds it.</summary>
    public static int WarmupSteps(double ratio, int totalSteps) => (int)Math.Ceiling(totalSteps * ratio);
}
