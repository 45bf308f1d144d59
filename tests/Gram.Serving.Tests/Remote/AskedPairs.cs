using Gram.Reward.Judging;
using Gram.Reward.Remote;

namespace Gram.Serving.Tests.Remote;

/// <summary>What tests ask judges elsewhere, and how.</summary>
internal static class AskedPairs
{
    /// <summary>A pair.</summary>
    public static AnswerPair One { get; } = new("Why?", "So.", "No.");

    /// <summary>Pairs with questions and answers of their own.</summary>
    public static AnswerPair[] Many(int count) => [.. Enumerable.Range(0, count).Select(i => new AnswerPair($"Why {i}?", $"So {i}.", $"No {i}."))];

    /// <summary>Equal answers, which need no judge.</summary>
    public static AnswerPair Alike { get; } = new("Same?", "Yes.", "Yes.");

    /// <summary>Settings that reach a judge and wait for it no longer than a test may.</summary>
    public static RemoteJudgeOptions At(Uri baseUrl) => new() { BaseUrl = baseUrl, RetryDelay = TimeSpan.FromMilliseconds(1) };
}
