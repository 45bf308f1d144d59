namespace Gram.Reward.Judging;

/// <summary>Makes a pair fit: both answers lose the same share of their ends; nothing else is touched (gram.md §3).</summary>
public static class AnswerShortening
{
    /// <summary>The longest beginnings of both answers whose prompt fits.</summary>
    /// <param name="answerA">Answer A.</param>
    /// <param name="answerB">Answer B.</param>
    /// <param name="tokens">Tokens of the whole example for two answers.</param>
    /// <param name="limit">Most tokens.</param>
    /// <returns>The answers, as they are where they fit; null where not even empty ones do.</returns>
    public static (string A, string B)? Fit(string answerA, string answerB, Func<string, string, int> tokens, int limit)
    {
        if (tokens(answerA, answerB) <= limit) return (answerA, answerB);
        if (tokens("", "") > limit) return null;
        var longest = Math.Max(answerA.Length, answerB.Length);
        // Kept characters of the longer answer; the other keeps the same share. `low` fits, `high` does not.
        var (low, high) = (0, longest);
        while (high - low > 1)
        {
            var kept = (low + high) / 2;
            if (tokens(Keep(answerA, kept), Keep(answerB, kept)) <= limit) low = kept;
            else high = kept;
        }
        return (Keep(answerA, low), Keep(answerB, low));

        string Keep(string answer, int kept)
        {
            var length = (int)((long)answer.Length * kept / longest);
            return answer[..(length > 0 && char.IsHighSurrogate(answer[length - 1]) ? length - 1 : length)];
        }
    }
}
