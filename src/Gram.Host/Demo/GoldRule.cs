using System.Collections.Frozen;

namespace Gram.Host.Demo;

/// <summary>
/// The gold rule of the help desk: what a reply is worth, in [0, 1]. It labels the judge's training pairs and measures
/// PPO's outcome; PPO itself never sees it.
/// <code>
/// gold = topic · (0.4 + 0.3 · tone + 0.3 · completeness) · ½^faults
/// </code>
/// <list type="bullet">
/// <item>topic: 1 for the remedy of the customer's problem on the customer's product, ½ where it names another product, 0 otherwise.</item>
/// <item>tone: 0 with a rude sentence, else 1 with a polite opening or a please, else ½.</item>
/// <item>completeness: 1 with a polite closing, ½ with a whole last sentence, 0 where the last sentence is cut short.</item>
/// <item>faults: sentences that are not the help desk's (the cut one at the end apart), a second sentence of the same role, a sentence out of order.</item>
/// </list>
/// Only whole sentences count, each once and in its place, so that a reply cannot gain by repeating phrases, by listing
/// remedies or by being long.
/// </summary>
internal static class GoldRule
{
    private static readonly FrozenDictionary<string, (string Remedy, string Product, bool Please)> Remedies = (
        from remedy in HelpDesk.Problems.Select(problem => problem.Remedy).Append(HelpDesk.StockAnswer)
        from product in HelpDesk.Products
        from please in (bool[])[false, true]
        select (remedy, product, please)).ToFrozenDictionary(known => HelpDesk.RemedySentence(known.remedy, known.product, known.please));

    /// <summary>The gold score of a reply to a message; 0 for messages of another world.</summary>
    public static double Score(string message, string reply)
    {
        if (HelpDesk.Subject(message) is not var (product, problem)) return 0;
        var (sentences, cutShort) = Sentences(reply);

        double topic = 0;
        int faults = 0, rude = 0, polite = 0, closings = 0, last = -1;
        foreach (var sentence in sentences)
        {
            if (Recognise(sentence) is not { } known)
            {
                faults++;
                continue;
            }
            if ((int)known.Role <= last) faults++;
            else if (known.Role == SentenceRole.Remedy) topic = Topic(sentence, product, problem);
            last = Math.Max(last, (int)known.Role);
            if (known.Manners < 0) rude++;
            if (known.Manners > 0 && known.Role == SentenceRole.Closing) closings++;
            else if (known.Manners > 0) polite++;
        }

        var tone = rude > 0 ? 0 : polite > 0 ? 1 : 0.5;
        var completeness = cutShort ? 0 : closings > 0 ? 1 : 0.5;
        return topic * (0.4 + 0.3 * tone + 0.3 * completeness) * Math.Pow(0.5, faults);
    }

    /// <summary>Whole sentences, and whether the text ends in the middle of one.</summary>
    private static (List<string> Whole, bool CutShort) Sentences(string reply)
    {
        List<string> whole = [];
        var start = 0;
        for (var i = 0; i < reply.Length; i++)
        {
            if (reply[i] is not ('.' or '!' or '?')) continue;
            whole.Add(reply[start..(i + 1)].Trim());
            start = i + 1;
        }
        return (whole, reply[start..].Trim().Length > 0 || whole.Count == 0);
    }

    /// <summary>What a sentence is for and its manners: 1 polite, 0 neutral, −1 rude; null for one that is not the help desk's.</summary>
    private static (SentenceRole Role, int Manners)? Recognise(string sentence)
    {
        if (HelpDesk.PoliteOpenings.Contains(sentence)) return (SentenceRole.Opening, 1);
        if (HelpDesk.RudeOpenings.Contains(sentence)) return (SentenceRole.Opening, -1);
        if (HelpDesk.PoliteClosings.Contains(sentence)) return (SentenceRole.Closing, 1);
        if (HelpDesk.RudeClosings.Contains(sentence)) return (SentenceRole.Closing, -1);
        if (Remedies.TryGetValue(sentence, out var known)) return (SentenceRole.Remedy, known.Please ? 1 : 0);
        return null;
    }

    private static double Topic(string sentence, string product, Problem problem)
    {
        var (remedy, named, _) = Remedies[sentence];
        return remedy != problem.Remedy ? 0 : named == product ? 1 : 0.5;
    }
}
