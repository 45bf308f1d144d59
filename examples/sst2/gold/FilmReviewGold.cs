using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Gram.Ppo;
using Gram.Reward.Data;

namespace Gram.Examples.FilmReviewGold;

/// <summary>
/// 1 for a positive film review, 0 for a negative one, by naive Bayes on the words and pairs of words of sentences that the judge never read: those
/// of the file that <c>FILM_REVIEW_SENTENCES</c> names (data/sst2/gold-sentences.tsv unless set), a sentence, a tab, 0 or 1 a line.
/// </summary>
public sealed partial class FilmReviewGold : IGoldMeasure
{
    private readonly Dictionary<string, (double Negative, double Positive)> counts = [];
    private readonly double negatives, positives; // features of all such sentences
    private readonly double prior; // log-odds of a positive sentence

    /// <summary>Counts the file's words.</summary>
    public FilmReviewGold()
        : this(File.ReadLines(Environment.GetEnvironmentVariable("FILM_REVIEW_SENTENCES") ?? "data/sst2/gold-sentences.tsv"))
    {
    }

    /// <summary>Counts the words of sentences: a sentence, a tab, 0 or 1 a line.</summary>
    public FilmReviewGold(IEnumerable<string> lines)
    {
        var sentences = lines.Where(line => line.Length > 0).Select(line => line.Split('\t')).Select(cells => (Text: cells[0], IsPositive: cells[1] == "1")).ToList();
        foreach (var (text, isPositive) in sentences)
        {
            foreach (var feature in Features(text))
            {
                var (negative, positive) = counts.GetValueOrDefault(feature);
                counts[feature] = isPositive ? (negative, positive + 1) : (negative + 1, positive);
            }
        }
        (negatives, positives) = (counts.Values.Sum(count => count.Negative), counts.Values.Sum(count => count.Positive));
        var good = sentences.Count(sentence => sentence.IsPositive);
        prior = Math.Log((double)good / (sentences.Count - good));
    }

    /// <summary>The sentences of a file of pairs, as the constructor takes them.</summary>
    public static string[] SentencesOfPairs(string path) =>
    [
        .. File.ReadLines(path).Where(line => line.Length > 0).Select(line => JsonNode.Parse(line)!)
            .SelectMany(row => new[] { $"{row["chosen"]}\t1", $"{row["rejected"]}\t0" }).Distinct(),
    ];

    /// <inheritdoc/>
    public double Score(Prompt prompt, string response) => IsPositive(response) ? 1 : 0;

    /// <summary>Whether a review is rather positive than negative.</summary>
    public bool IsPositive(string review) => LogOdds(review) > 0;

    /// <summary>Log-odds of a review that it is positive: the prior's and the sum of its known features', each counted once more in both classes.</summary>
    public double LogOdds(string review) => prior + Features(review).Where(counts.ContainsKey).Sum(feature =>
        Math.Log((counts[feature].Positive + 1) / (positives + counts.Count)) - Math.Log((counts[feature].Negative + 1) / (negatives + counts.Count)));

    private static IEnumerable<string> Features(string text)
    {
        string[] words = [.. Word().Matches(text.ToLowerInvariant()).Select(match => match.Value)];
        return words.Concat(words.Zip(words.Skip(1), (first, second) => $"{first} {second}")).Distinct();
    }

    [GeneratedRegex(@"[\w']+")]
    private static partial Regex Word();
}
