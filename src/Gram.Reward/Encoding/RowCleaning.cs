namespace Gram.Reward.Encoding;

/// <summary>The sources' data cleaning, under <c>clean: true</c> (gram.md §4): what is wrong with a row's texts.</summary>
internal static class RowCleaning
{
    private const int Words = 4, FewestRuns = 20;
    private const double LeastDistinct = 0.5;

    /// <summary>Why a row is dropped, or null: an empty text, equal answers, an answer that repeats itself. question: null where there is none.</summary>
    public static string? Problem(string? question, IReadOnlyList<string> answers) =>
        question?.Trim() == "" ? "its question is empty"
        : answers.Any(string.IsNullOrWhiteSpace) ? "an answer is empty"
        : answers.Count == 2 && answers[0] == answers[1] ? "its answers are equal"
        : answers.Any(RepeatsItself) ? "an answer repeats itself"
        : null;

    /// <summary>Whether fewer than half of the runs of four words in a text are distinct.</summary>
    public static bool RepeatsItself(string text)
    {
        var words = text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        var runs = words.Length - Words + 1;
        return runs >= FewestRuns && Enumerable.Range(0, runs).Select(i => string.Join(' ', words, i, Words)).Distinct().Count() < LeastDistinct * runs;
    }
}
