using Gram.Reward.Data;

namespace Gram.Ppo.Rewards;

/// <summary>
/// Distinct-2 of a step's samples (after Li et al. 2016, arXiv 1510.03055, who divide by words): D = N/T, the different pairs of neighbouring words among all T
/// of them, in the texts as the judge reads them, an answer_prefix included. A policy
/// that says the same of everything lowers it. Response i of nᵢ pairs gets what its part is above the average: (Sᵢ − D·nᵢ)/n̄, where each different pair is shared
/// equally by the samples that have it and Sᵢ is what i has of them (its Shapley value in N), and n̄ = T/samples. The mean is 0, which a reference
/// response, ReMax's baseline, gets too; more pairs that differ as often as the average change nothing.
/// </summary>
public sealed class Distinct2 : IReward
{
    /// <summary>Its name among the terms.</summary>
    public const string TermName = "distinct_2";

    /// <inheritdoc/>
    public string Name => TermName;

    /// <summary>D of texts; 0 where no text has two words.</summary>
    public static double Of(IEnumerable<string> texts)
    {
        var pairs = texts.SelectMany(PairsOf).ToList();
        return pairs.Count == 0 ? 0 : (double)pairs.Distinct().Count() / pairs.Count;
    }

    /// <summary>What the policy wrote of an answer as the judge reads it: the answer after the prompt's answer_prefix.</summary>
    public static string Written(Prompt prompt, string answer)
    {
        var prefix = prompt.AnswerOf("");
        return answer.StartsWith(prefix, StringComparison.Ordinal) ? answer[prefix.Length..] : answer;
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<double>> RewardAsync(IReadOnlyList<RewardRequest> responses, CancellationToken cancellationToken = default)
    {
        var pairs = responses.Select(response => response.IsReference ? [] : PairsOf(Written(response.Prompt, response.Response))).ToArray();
        var samplesWith = pairs.SelectMany(own => own.Distinct()).CountBy(pair => pair).ToDictionary();
        var all = pairs.Sum(own => own.Length);
        if (all == 0) return new(new double[responses.Count]);

        var distinct = (double)samplesWith.Count / all;
        var mean = (double)all / responses.Count(response => !response.IsReference);
        return new([.. pairs.Select(own => (own.Distinct().Sum(pair => 1.0 / samplesWith[pair]) - (distinct * own.Length)) / mean)]);
    }

    private static (string, string)[] PairsOf(string text)
    {
        var words = text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        return [.. words.Zip(words.Skip(1))];
    }
}
