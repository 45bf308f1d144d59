using System.Globalization;
using Gram.Pipes.Events;
using Gram.Training.Runs;

namespace Gram.Examples.EventPlugin;

/// <summary>Ends a PPO run once its policy wins against the initial one often enough: TARGET_WIN_RATE of the held-out prompts, 0.9 unless set.</summary>
public sealed class WinRateTarget : IMessageHandler<StepLogged>
{
    private readonly double target = double.Parse(Environment.GetEnvironmentVariable("TARGET_WIN_RATE") ?? "0.9", CultureInfo.InvariantCulture);

    /// <inheritdoc/>
    public void Handle(StepLogged message)
    {
        if (message.Metrics.TryGetValue("eval/win_rate_vs_initial", out var winRate) && winRate >= target)
            throw new RunStoppedException(string.Create(CultureInfo.InvariantCulture, $"win rate {winRate:0.000} has reached {target}"));
    }
}
