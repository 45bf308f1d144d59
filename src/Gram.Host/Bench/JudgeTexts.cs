using Gram.Models;
using Gram.Reward.Judging;

namespace Gram.Host.Bench;

/// <summary>Pairs of made-up text, as long as those of sets that judges are used on: a few words for each of the tenths 1, 3, 5, 7 and 9 of the set.</summary>
/// <param name="Name">The set.</param>
/// <param name="QuestionWords">Words of questions; empty where the set's pairs have none.</param>
/// <param name="AnswerWords">Words of answers.</param>
/// <param name="AllPairs">Whether the answers are all of one question, each paired with each; otherwise two answers to each question.</param>
internal sealed record JudgeTexts(string Name, int[] QuestionWords, int[] AnswerWords, bool AllPairs = false)
{
    /// <summary>JudgeBench: questions of several choices, long answers.</summary>
    public static readonly JudgeTexts JudgeBench = new("judgebench", [73, 108, 163, 232, 325], [128, 293, 365, 420, 505]);
    /// <summary>HH (harmless): dialogues of some turns, short answers.</summary>
    public static readonly JudgeTexts Hh = new("hh", [9, 28, 63, 101, 195], [6, 14, 24, 41, 76]);
    /// <summary>SST-2: two sentences, one question for all.</summary>
    public static readonly JudgeTexts Sst2 = new("sst2", [], [7, 13, 18, 23, 31]);
    /// <summary>All pairs of 8 short answers to one question.</summary>
    public static readonly JudgeTexts Answers8 = new("answers8", [12], [6, 8, 9, 10, 11, 12, 14, 16], AllPairs: true);

    /// <summary>All pairs of 8 answers of 100 tokens (words of one token each) to one question, as a round robin judges them.</summary>
    public static readonly JudgeTexts RoundRobin8 = new("round_robin8", [12], [.. Enumerable.Repeat(100, 8)], AllPairs: true);

    /// <summary>All sets that are measured beside the published way.</summary>
    public static readonly JudgeTexts[] All = [JudgeBench, Hh, Sst2, Answers8];

    /// <summary>What texts are made of.</summary>
    internal static readonly string[] Words = ["the", "answer", "is", "that", "a", "small", "model", "can", "learn", "to", "write", "and", "people", "read", "what", "it", "says", "in", "every", "city", "on", "time", "with", "care"];

    /// <summary>The pairs: those of the one question, or one of each length of question and answers.</summary>
    public AnswerPair[] Pairs()
    {
        var random = new RandomSource(11);
        if (AllPairs)
        {
            var (question, answers) = (Text(QuestionWords[0]), AnswerWords.Select(Text).ToArray());
            return [.. from a in Enumerable.Range(0, answers.Length) from b in Enumerable.Range(a + 1, answers.Length - a - 1) select new AnswerPair(question, answers[a], answers[b])];
        }
        // Each question's length meets an answer's length of its own, so that long and short come mixed.
        return [.. AnswerWords.SelectMany((words, i) => AnswerWords.Take(2).Select((_, j) => new AnswerPair(
            QuestionWords.Length == 0 ? "Which sentence is the better film review?" : Text(QuestionWords[(i + (2 * j)) % QuestionWords.Length]),
            Text(words),
            Text(AnswerWords[(i + 1 + j) % AnswerWords.Length]))))];

        string Text(int words) => string.Join(' ', Enumerable.Range(0, words).Select(_ => Words[random.Next(Words.Length)]));
    }
}
