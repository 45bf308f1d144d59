using Gram.Models;

namespace Gram.Host.Demo;

/// <summary>
/// Clerks of mixed quality: replies that are on topic or not, polite or rude, complete or cut short, and now and then
/// muddled. The policy learns to write like them; the judge's pairs are theirs.
/// </summary>
internal static class ReplyWriter
{
    private enum Manners
    {
        Polite,
        Curt,
        Rude,
    }

    /// <summary>Writes one reply to a message of the help desk.</summary>
    public static string Write(string message, RandomSource random)
    {
        var (product, problem) = HelpDesk.Subject(message) ?? throw new ArgumentException($"not a message of the help desk: {message}", nameof(message));
        var manners = Draw(random, (Manners.Polite, 0.35), (Manners.Curt, 0.25), (Manners.Rude, 0.40));
        List<string?> sentences =
        [
            Opening(manners, random),
            HelpDesk.RemedySentence(
                Remedy(problem, random),
                Draw(random, (product, 0.88), (Pick(HelpDesk.Products, random), 0.12)),
                please: random.NextDouble() < (manners == Manners.Polite ? 0.6 : 0.15)),
            Closing(manners, random),
        ];
        var reply = sentences.OfType<string>().ToList();
        if (random.NextDouble() < 0.06) Muddle(reply, random);
        var text = string.Join(' ', reply);
        return random.NextDouble() < 0.8 ? text : CutShort(text, random);
    }

    private static string? Opening(Manners manners, RandomSource random) => manners switch
    {
        Manners.Polite => Pick(HelpDesk.PoliteOpenings, random),
        Manners.Rude => Draw(random, (HelpDesk.RudeOpenings[0], 0.5), (Pick(HelpDesk.RudeOpenings, random), 0.5)),
        _ => null,
    };

    /// <summary>The right remedy, the stock answer or any other; of hard problems clerks know less.</summary>
    private static string Remedy(Problem problem, RandomSource random)
    {
        var other = Pick(HelpDesk.Problems, random).Remedy;
        return problem.IsHard
            ? Draw(random, (problem.Remedy, 0.35), (HelpDesk.StockAnswer, 0.50), (other, 0.15))
            : Draw(random, (problem.Remedy, 0.65), (HelpDesk.StockAnswer, 0.15), (other, 0.20));
    }

    private static string? Closing(Manners manners, RandomSource random)
    {
        var (polite, rude) = (Pick(HelpDesk.PoliteClosings, random), Pick(HelpDesk.RudeClosings, random));
        return manners switch
        {
            Manners.Polite => Draw(random, (polite, 0.6), (null, 0.4)),
            Manners.Curt => Draw(random, (polite, 0.2), (null, 0.8)),
            _ => Draw(random, (polite, 0.1), (rude, 0.4), (null, 0.5)),
        };
    }

    /// <summary>Repeats a sentence, adds a second remedy, or mixes up the order.</summary>
    private static void Muddle(List<string> sentences, RandomSource random)
    {
        switch (random.Next(3))
        {
            case 0:
                sentences.Insert(random.Next(sentences.Count + 1), Pick(sentences, random));
                break;
            case 1:
                sentences.Add(HelpDesk.RemedySentence(Pick(HelpDesk.Problems, random).Remedy, Pick(HelpDesk.Products, random), please: false));
                break;
            default:
                random.Shuffle(sentences);
                break;
        }
    }

    /// <summary>Drops between one and four words from the end.</summary>
    private static string CutShort(string reply, RandomSource random)
    {
        var words = reply.Split(' ');
        return string.Join(' ', words.Take(Math.Max(2, words.Length - 1 - random.Next(4))));
    }

    private static T Draw<T>(RandomSource random, params ReadOnlySpan<(T Value, double Probability)> choices)
    {
        var draw = random.NextDouble();
        foreach (var (value, probability) in choices)
            if ((draw -= probability) < 0) return value;
        return choices[^1].Value;
    }

    private static T Pick<T>(IReadOnlyList<T> items, RandomSource random) => items[random.Next(items.Count)];
}
