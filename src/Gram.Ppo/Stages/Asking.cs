using System.Diagnostics;

namespace Gram.Ppo.Stages;

/// <summary>How long an answer took.</summary>
internal static class Asking
{
    /// <summary>What was asked for, and the seconds until it came, though the asking thread, which computes meanwhile, sees it later.</summary>
    public static async Task<(T Answer, double Seconds)> TimedAsync<T>(Func<ValueTask<T>> ask)
    {
        var clock = Stopwatch.StartNew();
        var answer = await ask().ConfigureAwait(false);
        return (answer, clock.Elapsed.TotalSeconds);
    }
}
