using System.Globalization;
using Gram.Models;

namespace Gram.Ppo.Rewards;

/// <summary>Weights of the reward's terms, written NAME=NUMBER; a term without one weighs 1.</summary>
public sealed class RewardWeights
{
    /// <summary>The judge's name among the terms.</summary>
    public const string Judge = "judge";

    private readonly Dictionary<string, double> weights = [];

    /// <summary>Reads weights.</summary>
    /// <exception cref="GramException">One is not of this form, or a name is there twice.</exception>
    public RewardWeights(IReadOnlyList<string> written)
    {
        foreach (var text in written)
        {
            if (text.Split('=', StringSplitOptions.TrimEntries) is not [{ Length: > 0 } name, var number] || !double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out var weight) || !double.IsFinite(weight))
                throw new GramException($"reward_weights: '{text}' is no weight: write NAME=NUMBER, for instance {Judge}=1,{LengthPenalty.TermName}=0.2");
            if (!weights.TryAdd(name, weight)) throw new GramException($"reward_weights: {name} has two weights; write one");
        }
    }

    /// <summary>Names that have a weight.</summary>
    public IReadOnlyCollection<string> Names => weights.Keys;

    /// <summary>A term's weight.</summary>
    public double Of(string term) => weights.GetValueOrDefault(term, 1);
}
