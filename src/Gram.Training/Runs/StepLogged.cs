namespace Gram.Training.Runs;

/// <summary>Event: a training step has metrics. Published by every training loop; console, files and TensorBoard subscribe.</summary>
/// <param name="Job">ppo, train or align's part.</param>
/// <param name="Step">1-based step.</param>
/// <param name="TotalSteps">Steps of the run.</param>
/// <param name="Metrics">Values by name (ppo.md §8's names in PPO; loss, grad_norm, learning_rate, epoch in training).</param>
public sealed record StepLogged(string Job, int Step, int TotalSteps, IReadOnlyDictionary<string, double> Metrics)
{
    /// <summary>Steps that were done before this run was taken up again; 0 in a new one.</summary>
    public int StepsBefore { get; init; }

    /// <summary>Time that the steps since then took; loading, evaluations and checkpoints apart.</summary>
    public TimeSpan Elapsed { get; init; }

    /// <summary>Time that the steps left take at the mean pace so far; null before the first.</summary>
    public TimeSpan? TimeLeft => Step > StepsBefore ? Elapsed / (Step - StepsBefore) * (TotalSteps - Step) : null;
}

/// <summary>Event: a line for the person who watches (a warning, a note such as "12 rows shortened").</summary>
/// <param name="Text">One line.</param>
/// <param name="IsWarning">Whether it asks for attention.</param>
public sealed record Notice(string Text, bool IsWarning = false);
