using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Reward.Judging;

namespace Gram.Reward.Remote;

/// <summary>
/// A GRAM model behind an OpenAI-compatible chat endpoint: one request an order, for one token, with the log-probabilities of the
/// likeliest ones. The softmax over the two labels needs both among them: a label that is missing is an error, never probability 0.
/// </summary>
internal sealed class ChatJudge(ApiClient client, RemoteJudgeOptions options) : IPairJudge
{
    /// <summary>Tokens whose log-probabilities are asked for: as many as the protocol allows.</summary>
    private const int TopLogProbs = 20;

    /// <summary>Servers that write minus infinity as a number write one below this.</summary>
    private const double Nothing = -1000;

    private readonly JudgePrompt prompt = new(options.Config);

    /// <inheritdoc/>
    /// <exception cref="GramException">The server cannot be asked, refuses, or does not give both labels' log-probabilities.</exception>
    public async ValueTask<IReadOnlyList<PairScore>> ScoreAsync(IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken = default) =>
        await ApiClient.AskEachAsync(pairs, ScoreAsync, cancellationToken);

    private async Task<PairScore> ScoreAsync(AnswerPair pair, CancellationToken cancellationToken)
    {
        if (pair.AnswerA == pair.AnswerB) return PairScore.Tie;
        // Order 1: answer A stands first, under the first label; order 2: second, under the second label.
        var first = await Task.WhenAll(FirstLabelAsync(pair.Question, pair.AnswerA, pair.AnswerB, cancellationToken), FirstLabelAsync(pair.Question, pair.AnswerB, pair.AnswerA, cancellationToken));
        return new PairScore(first[0], 1 - first[1]);
    }

    private async Task<double> FirstLabelAsync(string question, string first, string second, CancellationToken cancellationToken)
    {
        var body = new JsonObject
        {
            ["model"] = options.Model,
            ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = prompt.Render(question, first, second) }),
            ["max_tokens"] = 1,
            ["temperature"] = 1, // where log-probabilities are those after the temperature, they must not change
            ["logprobs"] = true,
            ["top_logprobs"] = TopLogProbs,
        };
        if (options.Config.EnableThinking is { } thinking) body["chat_template_kwargs"] = new JsonObject { ["enable_thinking"] = thinking };
        foreach (var (name, value) in options.RequestFields ?? []) body[name] = value?.DeepClone();
        var answer = await client.AskAsync("chat/completions", body, cancellationToken);
        if (answer["choices"] is not JsonArray { Count: > 0 } choices || choices[0] is not JsonObject choice || (choice["logprobs"] as JsonObject)?["content"] is not JsonArray { Count: > 0 } tokens || tokens[0] is not JsonObject token || token["top_logprobs"] is not JsonArray top)
            throw client.Strange("it gives no top_logprobs of a first token; a server without them cannot judge");
        return 1 / (1 + Math.Exp(LogProb(top, 1) - LogProb(top, 0)));
    }

    private double LogProb(JsonArray top, int label)
    {
        var text = options.Config.Labels[label];
        foreach (var item in top.OfType<JsonObject>())
            if (item["token"]?.ToString() == text && item["logprob"] is JsonValue value && value.TryGetValue<double>(out var logProb) && logProb > Nothing) return logProb;
        var given = string.Join(", ", top.OfType<JsonObject>().Take(5).Select(item => $"\"{item["token"]}\""));
        throw client.Strange($"label \"{text}\" is not among the {top.Count} likeliest tokens ({given}, …): is {options.Model} a GRAM judge with these labels? Where the server can restrict answers to the labels, say so (judge_request_fields)");
    }
}
