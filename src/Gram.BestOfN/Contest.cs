using Gram.Models;
using Gram.Reward.Judging;

namespace Gram.BestOfN;

/// <summary>A meeting of two answers of one contest.</summary>
internal readonly record struct Match(Contest Contest, int A, int B, AnswerPair Pair);

/// <summary>The answers to one question: who meets whom next, every comparison made, and what follows from them.</summary>
internal abstract class Contest
{
    private readonly string question;
    private readonly IReadOnlyList<string> answers;
    private readonly int[] first; // identical answers compete once, as the earliest of them
    private readonly List<Comparison> comparisons = [];

    protected Contest(string question, IReadOnlyList<string> answers, int row)
    {
        if (answers.Count == 0) throw new GramException($"item {row} has no answers to rank; give each question at least one");
        this.question = question;
        this.answers = answers;
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        first = [.. answers.Select((answer, i) => seen.TryAdd(answer, i) ? i : seen[answer])];
        Entrants = [.. first.Distinct()];
        Number = Entrants.Select((entrant, i) => (entrant, i)).ToDictionary(pair => pair.entrant, pair => pair.i);
    }

    /// <summary>Indices of the distinct answers, in their order.</summary>
    protected IReadOnlyList<int> Entrants { get; }

    /// <summary>The place in <see cref="Entrants"/> of an answer's index.</summary>
    protected IReadOnlyDictionary<int, int> Number { get; }

    /// <summary>Every comparison made.</summary>
    protected IReadOnlyList<Comparison> Comparisons => comparisons;

    /// <summary>Who meets in the next round; nobody, once it is over.</summary>
    public abstract IEnumerable<Match> NextRound();

    /// <summary>Records a comparison.</summary>
    public void Settle(Match match, PairScore score, int round)
    {
        comparisons.Add(new(match.A, match.B, score.ScoreA, round));
        Learn(match.A, match.B, score);
    }

    /// <summary>The outcome.</summary>
    public abstract TournamentResult Result();

    /// <summary>What a comparison means for the next round.</summary>
    protected virtual void Learn(int a, int b, PairScore score) { }

    /// <summary>A meeting of two answers.</summary>
    protected Match Meet(int a, int b) => new(this, a, b, new(question, answers[a], answers[b]));

    /// <summary>The outcome with all answers ordered by that of their first occurrence; equal ones keep their order.</summary>
    protected TournamentResult Result(Func<IEnumerable<int>, IOrderedEnumerable<int>> order)
    {
        var place = order(Entrants).ThenBy(entrant => entrant).Select((entrant, i) => (entrant, i)).ToDictionary(pair => pair.entrant, pair => pair.i);
        List<int> ranking = [.. Enumerable.Range(0, answers.Count).OrderBy(i => place[first[i]]).ThenBy(i => i)];
        var (sums, counts) = (new double[Entrants.Count], new int[Entrants.Count]);
        foreach (var (a, b, scoreA, _) in comparisons)
        {
            Add(a, scoreA);
            Add(b, 1 - scoreA);
        }
        return new(ranking[0], ranking, OfAll(i => counts[i] == 0 ? 0.5 : sums[i] / counts[i]), comparisons);

        void Add(int entrant, double score)
        {
            sums[Number[entrant]] += score;
            counts[Number[entrant]]++;
        }
    }

    /// <summary>What holds of the distinct answers by their numbers, for all answers.</summary>
    protected IReadOnlyList<double> OfAll(Func<int, double> ofNumber) => [.. first.Select(entrant => ofNumber(Number[entrant]))];

    /// <summary>What differs by rounding is equal.</summary>
    protected static double Rounded(double value) => Math.Round(value, 8);
}
