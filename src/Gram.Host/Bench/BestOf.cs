using System.Globalization;

namespace Gram.Host.Bench;

/// <summary>The fastest of several runs, as far as they fit a budget: where a processor has no kernels for a dtype, one run can take a minute.</summary>
/// <param name="budget">Seconds that one measurement may take; the first run always counts.</param>
/// <param name="note">Told of measurements that were cut short.</param>
internal sealed class BestOf(double budget, Action<string> note)
{
    /// <summary>Seconds of the fastest run after the warm-ups, or, where the budget ends before that, of the last warm-up.</summary>
    public double Seconds(string what, int warmups, int repeats, Func<double> run, CancellationToken cancellationToken = default)
    {
        var (best, spent, all) = (double.MaxValue, 0.0, warmups + repeats);
        for (var done = 1; ; done++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var seconds = run();
            spent += seconds;
            if (done > warmups) best = Math.Min(best, seconds);
            if (done == all) return best;
            if (spent + seconds <= budget) continue;
            note(string.Create(CultureInfo.InvariantCulture, $"{what}: {done} of {all} runs, since one takes {seconds:0.0} s"));
            return Math.Min(best, seconds);
        }
    }
}
