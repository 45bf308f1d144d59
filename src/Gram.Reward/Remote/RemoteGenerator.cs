using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Models.Generation;
using Gram.Reward.Data;

namespace Gram.Reward.Remote;

/// <summary>
/// A model that answers elsewhere, behind an OpenAI-compatible server. A prompt's answers are asked for together (<c>n</c>); those that a
/// server leaves out, because it knows no <c>n</c> or gives fewer, are asked for one by one. Each answer has a seed of its own, the same
/// either way: where the server keeps to seeds, a run can be repeated.
/// </summary>
public sealed class RemoteGenerator : IDisposable
{
    private const int Seeds = 1 << 30; // all servers take 31 bits, and the answers of a prompt count on from its own

    private readonly ApiClient client;
    private readonly RemoteGeneratorOptions options;
    private readonly AnswerCache? cache;
    private volatile bool oneByOne;
    private long tokens;

    private RemoteGenerator(ApiClient client, RemoteGeneratorOptions options)
    {
        (this.client, this.options) = (client, options);
        cache = options.Cache is { } path ? new AnswerCache(path) : null;
    }

    /// <summary>Tokens of all answers so far, as far as the server counts them.</summary>
    public long Tokens => Interlocked.Read(ref tokens);

    /// <summary>Opens one. The server is asked for its models, once: a wrong address or key is known before the work begins.</summary>
    /// <exception cref="GramException">It cannot be reached, its address holds a key, or it wants another one; or the cache cannot be opened.</exception>
    public static async Task<RemoteGenerator> OpenAsync(RemoteGeneratorOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        var client = new ApiClient(options);
        try
        {
            await GreetAsync(client, cancellationToken);
            return new(client, options);
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    /// <summary>Answers of each prompt, in the prompts' order, as the server gives them.</summary>
    /// <param name="prompts">The prompts.</param>
    /// <param name="sampling">How tokens are drawn. What is not in OpenAI's protocol (top_k, min_p, repetition_penalty) is sent where it is set.</param>
    /// <param name="count">Answers of each prompt.</param>
    /// <param name="greedy">Whether the likeliest tokens are taken instead of drawn.</param>
    /// <param name="seed">Seed of the draws.</param>
    /// <param name="ended">Told how many prompts have all their answers, one call at a time.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="GramException">A prompt cannot be sent, or the server cannot be reached, refuses or answers something else.</exception>
    public async Task<IReadOnlyList<IReadOnlyList<string>>> AnswerAsync(
        IReadOnlyList<Prompt> prompts, SamplingOptions sampling, int count, bool greedy, ulong seed, Action<int>? ended = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        ArgumentNullException.ThrowIfNull(sampling);
        Check(prompts);
        var random = new RandomSource(seed);
        var seeds = prompts.Select(_ => random.Next(Seeds)).ToArray();
        var answers = new IReadOnlyList<string>[prompts.Count];
        var (done, turn) = (0, new Lock());
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = options.Concurrency, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(Enumerable.Range(0, prompts.Count), parallel, async (i, cancelled) =>
        {
            answers[i] = await AskAllAsync(new Request(prompts[i], sampling, greedy, seeds[i]), count, cancelled);
            lock (turn) ended?.Invoke(++done);
        });
        return answers;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        cache?.Dispose();
        client.Dispose();
    }

    private static async Task GreetAsync(ApiClient client, CancellationToken cancellationToken)
    {
        try
        {
            await client.AskAsync("models", null, cancellationToken);
        }
        catch (RefusedRequestException refused) when (refused.Status is not (HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden))
        {
            // It has no such list, or no time for it: the answers will show.
        }
    }

    /// <summary>What all answers of a prompt are asked with.</summary>
    /// <param name="Prompt">The prompt.</param>
    /// <param name="Sampling">How tokens are drawn.</param>
    /// <param name="Greedy">Whether they are not.</param>
    /// <param name="Seed">The first answer's seed; the next one's is one more, as vLLM numbers the answers of one request.</param>
    private readonly record struct Request(Prompt Prompt, SamplingOptions Sampling, bool Greedy, int Seed);

    /// <summary>All answers of a prompt: those that are known, and the others from the server.</summary>
    private async Task<IReadOnlyList<string>> AskAllAsync(Request request, int count, CancellationToken cancellationToken)
    {
        byte[][] keys = cache is null ? [] : [.. Enumerable.Range(0, count).Select(sample => CacheFile.KeyOf(options.BaseUrl.AbsoluteUri, Path, Body(request, sample, 1).ToJsonString()))];
        var texts = cache?.Find(keys) ?? new string?[count];
        var missing = Enumerable.Range(0, count).Where(sample => texts[sample] is null).ToList();
        var asked = await ApiClient.AskEachAsync(Parts(missing), (part, cancelled) => AskAsync(request, part.From, part.Count, cancelled), cancellationToken);
        foreach (var (sample, text) in missing.Zip(asked.SelectMany(part => part))) texts[sample] = text;
        if (missing.Count > 0) cache?.Add(missing.Select(sample => (keys[sample], texts[sample]!)));
        return texts!;
    }

    /// <summary>Numbers in requests: those of one follow one another, as its seeds do.</summary>
    private List<(int From, int Count)> Parts(List<int> samples)
    {
        var parts = new List<(int From, int Count)>();
        foreach (var sample in samples)
        {
            if (parts.Count > 0 && parts[^1] is var last && last.From + last.Count == sample && last.Count != options.ChoicesPerRequest) parts[^1] = (last.From, last.Count + 1);
            else parts.Add((sample, 1));
        }
        return parts;
    }

    private async Task<IReadOnlyList<string>> AskAsync(Request request, int from, int count, CancellationToken cancellationToken)
    {
        var asked = oneByOne ? 1 : count;
        List<string> texts;
        try
        {
            texts = Texts(await client.AskAsync(Path, Body(request, from, asked), cancellationToken));
        }
        catch (RefusedRequestException refused) when (asked > 1 && refused.Status is HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity or HttpStatusCode.NotImplemented)
        {
            // It may be n that it does not take; what else is wrong with the request is said of the single one too.
            texts = Texts(await client.AskAsync(Path, Body(request, from, 1), cancellationToken));
        }
        if (asked > 1 && texts.Count == 1) oneByOne = true;
        var missing = await ApiClient.AskEachAsync(Enumerable.Range(from, count).Skip(texts.Count), (sample, cancelled) => AskAsync(request, sample, 1, cancelled), cancellationToken);
        return [.. texts.Take(count), .. missing.SelectMany(more => more)];
    }

    private string Path => options.RawText ? "completions" : "chat/completions";

    private JsonObject Body(Request request, int from, int count)
    {
        var (prompt, sampling, greedy, seed) = request;
        var body = new JsonObject { ["model"] = options.Model };
        if (options.RawText) body["prompt"] = prompt.Text;
        else body["messages"] = Messages(prompt);
        body["max_tokens"] = sampling.MaxNewTokens;
        body["temperature"] = greedy ? 0 : sampling.Temperature;
        body["top_p"] = greedy ? 1 : sampling.TopP;
        body["seed"] = seed + from;
        if (count > 1) body["n"] = count;
        if (sampling.Stop.Count > 0) body["stop"] = new JsonArray([.. sampling.Stop.Select(text => JsonValue.Create(text))]);
        if (sampling.TopK > 0 && !greedy) body["top_k"] = sampling.TopK;
        if (sampling.MinP > 0 && !greedy) body["min_p"] = sampling.MinP;
        if (sampling.RepetitionPenalty != 1) body["repetition_penalty"] = sampling.RepetitionPenalty;
        if (!options.RawText && options.EnableThinking is { } thinking) body["chat_template_kwargs"] = new JsonObject { ["enable_thinking"] = thinking };
        foreach (var (name, value) in options.RequestFields ?? [])
        {
            if (value is null) body.Remove(name);
            else body[name] = value.DeepClone();
        }
        return body;
    }

    private static JsonArray Messages(Prompt prompt) => prompt.Messages is { } messages
        ? [.. messages.Select(message => new JsonObject { ["role"] = message.Role, ["content"] = message.Content })]
        : [new JsonObject { ["role"] = "user", ["content"] = prompt.Text }];

    /// <summary>The texts of an answer's choices, in the order of their numbers.</summary>
    private List<string> Texts(JsonObject answer)
    {
        if (answer["choices"] is not JsonArray { Count: > 0 } choices) throw client.Strange("it has no choices");
        if ((answer["usage"] as JsonObject)?["completion_tokens"] is JsonValue usage && usage.TryGetValue<long>(out var used)) Interlocked.Add(ref tokens, used);
        return [.. choices.Select((choice, i) => (Text: TextOf(choice as JsonObject), Number: (choice as JsonObject)?["index"] is JsonValue index && index.TryGetValue<int>(out var number) ? number : i)).OrderBy(choice => choice.Number).Select(choice => choice.Text)];
    }

    private string TextOf(JsonObject? choice)
    {
        JsonNode? text = null;
        var has = options.RawText
            ? choice?.TryGetPropertyValue("text", out text) == true
            : choice?["message"] is JsonObject message && message.TryGetPropertyValue("content", out text);
        // A server that keeps thoughts apart has no content where the answer ended within them.
        return has && text is null ? ""
            : text?.GetValueKind() == JsonValueKind.String ? text.GetValue<string>()
            : throw client.Strange(options.RawText ? "a choice has no text" : "a choice has no message with a text as its content");
    }

    private void Check(IReadOnlyList<Prompt> prompts)
    {
        foreach (var (i, prompt) in prompts.Index())
        {
            if (prompt.Messages is not null && options.RawText) throw new GramException($"prompt {i + 1} is a conversation, which raw text cannot hold: leave template out, and the server's own chat template writes it");
            if (prompt.Messages is null && string.IsNullOrEmpty(prompt.Text)) throw new GramException($"prompt {i + 1} is empty: give it a text or take it out");
        }
    }
}
