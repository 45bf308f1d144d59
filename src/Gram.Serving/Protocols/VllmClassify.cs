using System.Text.Json;
using System.Text.Json.Serialization;
using Gram.Models;
using Gram.Ppo;
using Gram.Ppo.Mathematics;
using Gram.Serving.Requests;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Gram.Serving.Protocols;

/// <summary>What clients of vLLM's classification post.</summary>
/// <param name="Input">A prompt with its answer, as the chat template renders it, or a list of such texts.</param>
/// <param name="Model">Not read: there is one judge.</param>
/// <param name="UseActivation">Whether probabilities are answered (the default) or logits.</param>
public sealed record ClassifyRequest(JsonElement Input, string? Model = null, bool? UseActivation = null);

/// <summary>One text's classes: the judge has one, "better than the reference".</summary>
/// <param name="Index">The text's place.</param>
/// <param name="Label">The likelier label.</param>
/// <param name="Probs">Probability, or logit, of the one class.</param>
/// <param name="NumClasses">1.</param>
public sealed record ClassifyData(int Index, string Label, IReadOnlyList<double> Probs, int NumClasses);

/// <summary>Tokens that were read.</summary>
/// <param name="PromptTokens">Tokens of the pairs judged.</param>
/// <param name="TotalTokens">The same.</param>
/// <param name="CompletionTokens">0.</param>
public sealed record ClassifyUsage(long PromptTokens, long TotalTokens, long CompletionTokens);

/// <summary>What they read.</summary>
/// <param name="Id">The request's id.</param>
/// <param name="Kind">list.</param>
/// <param name="Created">Unix time.</param>
/// <param name="Model">The judge's name.</param>
/// <param name="Data">One for each text.</param>
/// <param name="Usage">Tokens that were read.</param>
public sealed record ClassifyResponse(string Id, [property: JsonPropertyName("object")] string Kind, long Created, string Model, IReadOnlyList<ClassifyData> Data, ClassifyUsage Usage);

/// <summary>vLLM's classification of sequences, by which trainers ask a reward model that vLLM serves.</summary>
internal static class VllmClassify
{
    private const string Label = "LABEL_0";

    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapPost("/classify", ClassifyAsync).Described<ClassifyRequest, ClassifyResponse>("classify", "vLLM: probability or logit that an answer is better than its reference.");

    private static async Task<IResult> ClassifyAsync(HttpContext context, Scoring scoring, RewardServerOptions options, TimeProvider time)
    {
        var request = await scoring.ReadAsync<ClassifyRequest>(context);
        var texts = Texts(request.Input);
        scoring.CheckCount(texts.Count);
        var rewards = await scoring.RewardAsync(context, [.. texts.Select((text, i) => scoring.Split(text, null, null, $"input[{i}]"))]);
        var transform = request.UseActivation ?? true ? RewardTransform.Probability : RewardTransform.Logit;
        var tokens = rewards.Sum(reward => scoring.TokensOf(reward.Pair));
        return Answer.Of(new ClassifyResponse(
            $"classify-{RequestRecord.Of(context).Id}", "list", time.GetUtcNow().ToUnixTimeSeconds(), options.ModelName,
            [.. rewards.Select((reward, i) => new ClassifyData(i, Label, [RewardTransforms.Apply(transform, reward.Score, options.RewardClip)], 1))],
            new ClassifyUsage(tokens, tokens, 0)));
    }

    private static IReadOnlyList<string> Texts(JsonElement input) => input.ValueKind switch
    {
        JsonValueKind.String => [input.GetString()!],
        JsonValueKind.Array when input.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String) => [.. input.EnumerateArray().Select(item => item.GetString()!)],
        _ => throw new GramException("input: a text or a list of texts is needed; token ids mean nothing to the judge, whose tokenizer is its own"),
    };
}
