namespace Gram.Training.Optimisation;

/// <summary>Shape of the learning rate after warm-up (transformers' names).</summary>
public enum LrSchedulerType
{
    /// <summary>Half a cosine down to 0.</summary>
    Cosine,
    /// <summary>A line down to 0.</summary>
    Linear,
    /// <summary>Constant.</summary>
    Constant,
}

/// <summary>The rate of each optimiser step; the first of a warm-up runs at 0, as in transformers.</summary>
public static class LearningRateSchedule
{
    /// <summary>Rate used by step (0-based) of totalSteps, after warmupSteps.</summary>
    public static double At(LrSchedulerType type, double baseRate, int step, int totalSteps, int warmupSteps) => throw new NotImplementedException();
    /// <summary>Steps of warm-up: ceil(ratio × total), as transformers rounds it.</summary>
    public static int WarmupSteps(double ratio, int totalSteps) => throw new NotImplementedException();
}
