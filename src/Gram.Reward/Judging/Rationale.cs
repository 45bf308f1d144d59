using System.Text.Json.Nodes;

namespace Gram.Reward.Judging;

/// <summary>A rationale and what the judge makes of it.</summary>
/// <param name="Text">What it wrote before the verdict.</param>
/// <param name="FirstLabel">Probability of the first label after it, softmax over the two.</param>
public sealed record Rationale(string Text, double FirstLabel)
{
    /// <summary>Probability of the label that it votes for.</summary>
    public double Weight => Math.Max(FirstLabel, 1 - FirstLabel);

    /// <summary>
    /// Self-consistency over rationales: each votes for its likelier label, with that label's probability as the vote's weight (an exact
    /// tie is half a vote for each). P(first) = Σ weights of votes for the first label ÷ Σ weights.
    /// </summary>
    public static double FirstShare(IReadOnlyCollection<Rationale> votes) =>
        votes.Sum(vote => vote.Weight * (vote.FirstLabel > 0.5 ? 1 : vote.FirstLabel < 0.5 ? 0 : 0.5)) / votes.Sum(vote => vote.Weight);
}

/// <summary>A score with the rationales that it rests on.</summary>
/// <param name="Score">The score.</param>
/// <param name="Ab">Rationales of order 1, where answer A stands first.</param>
/// <param name="Ba">Rationales of order 2.</param>
public sealed record ReasonedScore(PairScore Score, IReadOnlyList<Rationale> Ab, IReadOnlyList<Rationale> Ba)
{
    /// <summary>The rationales as a scored file keeps them: in each order, text, the label voted for and its probability.</summary>
    /// <param name="labels">The judge's labels.</param>
    public JsonObject ToJson(IReadOnlyList<string> labels)
    {
        return new JsonObject { ["ab"] = Order(Ab), ["ba"] = Order(Ba) };

        JsonArray Order(IReadOnlyList<Rationale> votes) => new([.. votes.Select(vote => new JsonObject
        {
            ["text"] = vote.Text,
            ["vote"] = vote.FirstLabel == 0.5 ? null : labels[vote.FirstLabel > 0.5 ? 0 : 1].Trim(),
            ["probability"] = vote.Weight,
        })]);
    }
}
