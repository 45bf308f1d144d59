using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Reward.Judging;

namespace Gram.Reward.Remote;

/// <summary>The judge of this project's own reward server (<c>/v1/compare</c>), which puts both orders together itself.</summary>
internal sealed class ServerJudge(ApiClient client) : IPairJudge
{
    /// <summary>Pairs of a request.</summary>
    private const int PairsPerRequest = 32;

    /// <summary>What the server says of its judge: prompt, labels and turn format, and a text that is another one where scores would be.</summary>
    public async Task<(GramConfig Config, string Fingerprint)> DescribeAsync(CancellationToken cancellationToken)
    {
        var judge = await client.AskAsync("v1/judge", null, cancellationToken);
        try
        {
            var config = new GramConfig
            {
                Prompt = judge["prompt"]!.GetValue<string>(),
                Labels = [.. judge["labels"]!.AsArray().Select(label => label!.GetValue<string>())],
                TurnFormat = judge["turn_format"]!.GetValue<string>(),
            };
            return (config, judge["fingerprint"]!.GetValue<string>());
        }
        catch (Exception error) when (error is NullReferenceException or InvalidOperationException)
        {
            throw client.Strange("/v1/judge lacks prompt, labels, turn_format or fingerprint; is it a gram server?");
        }
    }

    /// <inheritdoc/>
    /// <exception cref="GramException">The server cannot be asked, or refuses.</exception>
    public async ValueTask<IReadOnlyList<PairScore>> ScoreAsync(IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken = default) =>
        [.. (await ApiClient.AskEachAsync(pairs.Chunk(PairsPerRequest), AskAsync, cancellationToken)).SelectMany(scores => scores)];

    private async Task<IReadOnlyList<PairScore>> AskAsync(AnswerPair[] pairs, CancellationToken cancellationToken)
    {
        var answer = await client.AskAsync("v1/compare", new JsonObject
        {
            ["pairs"] = new JsonArray([.. pairs.Select(pair => new JsonObject { ["prompt"] = pair.Question, ["response_a"] = pair.AnswerA, ["response_b"] = pair.AnswerB })]),
        }, cancellationToken);
        if (answer["results"] is not JsonArray results || results.Count != pairs.Length) throw client.Strange($"it has no results for {pairs.Length} pairs");
        return [.. results.Select(result => Probability(result, "p_ab") is { } ab && Probability(result, "p_ba") is { } ba ? new PairScore(ab, ba) : throw client.Strange("a result lacks p_ab or p_ba"))];
    }

    private static double? Probability(JsonNode? result, string name) =>
        (result as JsonObject)?[name] is JsonValue value && value.TryGetValue<double>(out var number) && number is >= 0 and <= 1 ? number : null;
}
