using Gram.Models;

namespace Gram.Host.Demo;

/// <summary>Two replies to a message, and the noisy verdict that the judge learns from.</summary>
/// <param name="Message">The customer's message.</param>
/// <param name="Chosen">The reply labelled better.</param>
/// <param name="Rejected">The reply labelled worse.</param>
internal sealed record LabelledPair(string Message, string Chosen, string Rejected);

/// <summary>
/// The help desk's messages, split before any model sees one: no message of one part is in another. The same seed gives
/// the same split and the same replies.
/// </summary>
internal sealed class DemoWorld
{
    /// <summary>Share of the judge's training labels that are wrong.</summary>
    public const double LabelNoise = 0.1;

    private const int JudgeMessages = 2400, HeldOutJudgeMessages = 400, PpoMessages = 1600, EvalMessages = 256;

    /// <summary>Splits the messages.</summary>
    public DemoWorld(ulong seed)
    {
        var messages = HelpDesk.Messages().ToList();
        new RandomSource(seed).Shuffle(messages);
        var taken = 0;
        List<string> Take(int count)
        {
            var part = messages.GetRange(taken, count);
            taken += count;
            return part;
        }
        Judge = Take(JudgeMessages);
        JudgeHeldOut = Take(HeldOutJudgeMessages);
        Ppo = Take(PpoMessages);
        Eval = Take(EvalMessages);
        Policy = Take(messages.Count - taken);
    }

    /// <summary>Messages that the policy is pretrained on.</summary>
    public IReadOnlyList<string> Policy { get; }
    /// <summary>Messages of the judge's training pairs, both stages.</summary>
    public IReadOnlyList<string> Judge { get; }
    /// <summary>Messages of the pairs that the judge is tested on.</summary>
    public IReadOnlyList<string> JudgeHeldOut { get; }
    /// <summary>PPO's training prompts.</summary>
    public IReadOnlyList<string> Ppo { get; }
    /// <summary>Prompts on which PPO's outcome is measured.</summary>
    public IReadOnlyList<string> Eval { get; }

    /// <summary>Replies of the clerks: each message in turn, <paramref name="each"/> times over.</summary>
    public static IEnumerable<(string Message, string Reply)> Replies(IReadOnlyList<string> messages, int each, RandomSource random) =>
        Enumerable.Repeat(messages, each).SelectMany(all => all).Select(message => (message, ReplyWriter.Write(message, random)));

    /// <summary>Pairs of different replies whose gold scores differ, labelled by the gold rule with this share of wrong labels.</summary>
    public static IEnumerable<LabelledPair> Pairs(IReadOnlyList<string> messages, int count, double noise, RandomSource random)
    {
        for (var made = 0; made < count;)
        {
            var message = messages[random.Next(messages.Count)];
            var (a, b) = (ReplyWriter.Write(message, random), ReplyWriter.Write(message, random));
            var difference = GoldRule.Score(message, a) - GoldRule.Score(message, b);
            if (Math.Abs(difference) < 1e-9) continue;
            var first = difference > 0 != random.NextDouble() < noise;
            yield return first ? new(message, a, b) : new(message, b, a);
            made++;
        }
    }
}
