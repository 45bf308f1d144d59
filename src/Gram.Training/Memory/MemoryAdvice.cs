namespace Gram.Training.Memory;

/// <summary>Which settings would make a run fit.</summary>
public static class MemoryAdvice
{
    /// <summary>Tries changes in order, each on top of those before it that took less, until the run fits.</summary>
    /// <param name="options">The run's settings.</param>
    /// <param name="total">Bytes that settings take.</param>
    /// <param name="free">Bytes there are.</param>
    /// <param name="changes">Each gives cheaper settings and how to ask for them; null where there is nothing to change.</param>
    /// <returns>The settings with what they take, and the changes in words, each with what the run takes from it on.</returns>
    public static (T Options, long Total, IReadOnlyList<string> Changes) Of<T>(T options, Func<T, long> total, long free, params IReadOnlyList<Func<T, (T Options, string Text)?>> changes)
    {
        var (tried, now, texts) = (options, total(options), new List<string>());
        for (var found = true; found && now > free;) // one change may give another its effect
        {
            found = false;
            foreach (var change in changes)
            {
                if (now <= free || change(tried) is not { } next || total(next.Options) is var less && less >= now) continue;
                (tried, now, found) = (next.Options, less, true);
                texts.Add($"{next.Text} ({MemorySize.Text(now)})");
            }
        }
        return (tried, now, texts);
    }
}
