using System.Diagnostics;
using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Models.Generation;
using Gram.Models.Tokenization;
using Gram.Reward.Data;
using Gram.Reward.Remote;
using Microsoft.AspNetCore.Http;

namespace Gram.Serving.Tests.Remote;

public sealed class RemoteGeneratorTests : IDisposable
{
    private readonly TemporaryDirectory folder = new();

    private static readonly Prompt[] Questions = [.. Enumerable.Range(0, 12).Select(i => new Prompt($"Why {i}?"))];
    private static readonly SamplingOptions Sampling = new() { MaxNewTokens = 32, Temperature = 0.7, TopP = 0.9 };

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(Dialect.Vllm)]
    [InlineData(Dialect.SgLang)]
    [InlineData(Dialect.LlamaCpp)]
    [InlineData(Dialect.Ollama)]
    public async Task Answer_WhateverTheServerMakesOfN_HasAllAnswersWithTheSameSeeds(Dialect dialect)
    {
        await using var vllm = await CompletionServer.StartAsync(Dialect.Vllm);
        await using var server = await CompletionServer.StartAsync(dialect);

        var answers = await AnswerAsync(server, count: 5);

        answers.Should().HaveCount(12);
        foreach (var (question, texts) in Questions.Zip(answers)) texts.Should().HaveCount(5).And.OnlyHaveUniqueItems().And.OnlyContain(text => text.StartsWith(question.Text!, StringComparison.Ordinal));
        answers.Should().BeEquivalentTo(await AnswerAsync(vllm, count: 5), o => o.WithStrictOrdering());
        server.MostUnderWay.Should().BeInRange(2, 4);
        // Together where that works; one by one, and without n, from when it is known that it does not.
        var single = server.Requests.Where(request => !request.Body.ContainsKey("n")).ToList();
        var together = server.Requests.Count - single.Count;
        if (dialect is Dialect.Vllm or Dialect.SgLang) (together, single.Count).Should().Be((12, 0));
        else together.Should().BeInRange(1, 4, "as many as are under way when the first answer comes");
    }

    [Fact]
    public async Task Answer_Prompts_AreSentWithAllThatShapesThem()
    {
        await using var server = await CompletionServer.StartAsync();
        Prompt[] prompts = [new("Why?"), new(null, [new ChatMessage("system", "Be brief."), new("user", "Why?"), new("assistant", "So."), new("user", "And?")])];

        await AnswerAsync(server, 3, prompts, Sampling with { Stop = ["\n\n", "User:"], TopK = 20, MinP = 0.05, RepetitionPenalty = 1.1 });

        var requests = server.Requests.OrderBy(request => request.Body["messages"]!.AsArray().Count).ToList();
        var body = requests[0].Body;
        body["seed"]!.GetValue<int>().Should().BeInRange(0, 1 << 30);
        body.Remove("seed");
        body.ToJsonString().Should().Be(JsonNode.Parse("""
            {"model": "policy", "messages": [{"role": "user", "content": "Why?"}], "max_tokens": 32, "temperature": 0.7, "top_p": 0.9, "n": 3, "stop": ["\n\n", "User:"],
             "top_k": 20, "min_p": 0.05, "repetition_penalty": 1.1, "chat_template_kwargs": {"enable_thinking": false}}
            """)!.ToJsonString());
        requests[1].Body["messages"]!.ToJsonString().Should().Be("""[{"role":"system","content":"Be brief."},{"role":"user","content":"Why?"},{"role":"assistant","content":"So."},{"role":"user","content":"And?"}]""");
        requests.Should().OnlyContain(request => request.Path == "/v1/chat/completions" && request.Authorization == "Bearer secret");
    }

    [Fact]
    public async Task Answer_RawText_GoesToCompletions()
    {
        await using var server = await CompletionServer.StartAsync();

        var answers = await AnswerAsync(server, 2, [new Prompt("Once upon a time")], options: options => options with { RawText = true });

        answers[0].Should().HaveCount(2).And.OnlyContain(text => text.StartsWith("Once upon a time Answer", StringComparison.Ordinal));
        var (path, body, _) = server.Requests.Single();
        path.Should().Be("/v1/completions");
        body["prompt"]!.GetValue<string>().Should().Be("Once upon a time");
        body.Should().NotContainKeys("messages", "chat_template_kwargs", "top_k", "min_p", "repetition_penalty", "stop");
    }

    [Fact]
    public async Task Answer_Greedy_TakesTheLikeliestTokens()
    {
        await using var server = await CompletionServer.StartAsync();
        using var generator = await OpenAsync(server);

        (await generator.AnswerAsync(Questions, Sampling with { TopK = 5 }, 1, greedy: true, seed: 1)).Should().OnlyContain(texts => texts.Count == 1);

        server.Requests.Should().OnlyContain(request => request.Body["temperature"]!.GetValue<double>() == 0 && request.Body["top_p"]!.GetValue<double>() == 1 && !request.Body.ContainsKey("top_k"));
        generator.Tokens.Should().Be(12 * 5);
    }

    [Fact]
    public async Task Answer_RequestFields_AddReplaceAndTakeOut()
    {
        await using var server = await CompletionServer.StartAsync();
        server.Answer = (question, _) => question;

        await AnswerAsync(server, 1, [new Prompt("Why?")], options: options => options with { RequestFields = (JsonObject)JsonNode.Parse("""{"top_k": -1, "max_tokens": null, "max_completion_tokens": 8, "chat_template_kwargs": null}""")! });

        var body = server.Requests.Single().Body;
        (body["top_k"]!.GetValue<int>(), body["max_completion_tokens"]!.GetValue<int>()).Should().Be((-1, 8));
        body.Should().NotContainKeys("max_tokens", "chat_template_kwargs");
    }

    [Fact]
    public async Task Answer_ChoicesPerRequest_PartTheAnswers()
    {
        await using var server = await CompletionServer.StartAsync();

        var parted = await AnswerAsync(server, 5, options: options => options with { ChoicesPerRequest = 2 });

        server.Requests.Select(request => (int?)request.Body["n"]).Should().HaveCount(36).And.BeEquivalentTo(Enumerable.Range(0, 12).SelectMany(_ => new int?[] { 2, 2, null }));
        parted.Should().BeEquivalentTo(await AnswerAsync(server, 5), o => o.WithStrictOrdering());
    }

    [Fact]
    public async Task Answer_FewerChoicesThanAsked_AreFilledUp()
    {
        await using var server = await CompletionServer.StartAsync();
        server.Instead = (_, body) => (int?)body["n"] == 5 ? Results.Json(new { choices = new[] { 0, 1 }.Select(i => new { index = i, message = new { content = $"early {(int)body["seed"]! + i}" } }) }) : null;

        var answers = await AnswerAsync(server, 5);

        answers.Should().OnlyContain(texts => texts.Count == 5 && texts.Distinct().Count() == 5 && texts.Take(2).All(text => text.StartsWith("early", StringComparison.Ordinal)));
        server.Requests.Count(request => !request.Body.ContainsKey("n")).Should().Be(12 * 3);
    }

    [Fact]
    public async Task Cache_AfterARunThatFailed_AsksForWhatIsMissing()
    {
        await using var server = await CompletionServer.StartAsync();
        server.Instead = (number, _) => number > 5 ? Results.StatusCode(418) : null;
        await FluentActions.Invoking(() => CachedAsync(4)).Should().ThrowAsync<GramException>();
        server.Instead = (_, _) => null;
        server.Requests.Clear();

        var four = await CachedAsync(4);

        server.Requests.Should().HaveCount(12 - 5, "five prompts were answered before");
        four.Should().BeEquivalentTo(await AnswerAsync(server, 4), o => o.WithStrictOrdering());
        server.Requests.Clear();
        (await CachedAsync(6)).Should().BeEquivalentTo(await AnswerAsync(server, 6), o => o.WithStrictOrdering());
        server.Requests.Count(request => (int?)request.Body["n"] == 2).Should().Be(12, "of six answers two are new");
        server.Requests.Clear();
        await CachedAsync(6);
        server.Requests.Should().BeEmpty();
        (await CachedAsync(1, Sampling with { Temperature = 0.5 })).Should().HaveCount(12);
        server.Requests.Should().HaveCount(12, "another temperature draws other answers");

        Task<IReadOnlyList<IReadOnlyList<string>>> CachedAsync(int count, SamplingOptions? sampling = null) => AnswerAsync(server, count, sampling: sampling, options: options => options with { Cache = folder.File("answers.db"), Concurrency = 1 });
    }

    [Fact]
    public async Task Answer_EndedWithinThoughts_IsEmpty()
    {
        await using var server = await CompletionServer.StartAsync();
        server.Answer = (_, _) => null;

        (await AnswerAsync(server, 1, [new Prompt("Why?")]))[0].Should().Equal("");
    }

    [Theory]
    [InlineData("429")]
    [InlineData("500")]
    [InlineData("503")]
    [InlineData("cut")]
    public async Task Answer_FailureInPassing_IsAskedAgain(string failure)
    {
        await using var server = await CompletionServer.StartAsync();
        server.Instead = (number, _) => number > 3 ? null : failure == "cut" ? CompletionServer.Cut : Results.StatusCode(int.Parse(failure, System.Globalization.CultureInfo.InvariantCulture));

        (await AnswerAsync(server, 2, [new Prompt("Why?")]))[0].Should().HaveCount(2);

        server.Requests.Should().HaveCount(4);
    }

    [Fact]
    public async Task Answer_RetryAfter_IsWaitedFor()
    {
        await using var server = await CompletionServer.StartAsync();
        server.Instead = (number, _) => number == 1 ? CompletionServer.Busy("1") : number == 2 ? CompletionServer.Busy(DateTimeOffset.UtcNow.AddSeconds(2).ToString("R")) : null;
        var clock = Stopwatch.StartNew();

        (await AnswerAsync(server, 1, [new Prompt("Why?")]))[0].Should().ContainSingle();

        clock.Elapsed.Should().BeGreaterThan(TimeSpan.FromSeconds(1.9), "a second, then until a date that is written in whole seconds");
    }

    [Theory]
    [InlineData(429, """{"error": {"message": "quota"}}""", "generator at http://127.0.0.1:*/v1 refuses (429): quota")]
    [InlineData(500, "oh", "generator at http://127.0.0.1:*/v1 refuses (500): oh")]
    [InlineData(400, """{"object": "error", "message": "max_tokens is too large"}""", "*refuses (400): max_tokens is too large")]
    [InlineData(401, """{"error": "Unauthorized"}""", "*refuses (401): Unauthorized; set GRAM_GENERATOR_API_KEY to its key")]
    [InlineData(404, """{"error": {"message": "model 'policy' not found"}}""", "*refuses (404): model 'policy' not found; check the address (*) and the model's name")]
    [InlineData(200, """{"choices": []}""", "*answers strangely: it has no choices")]
    [InlineData(200, """{"choices": [{"index": 0, "text": "So."}]}""", "*answers strangely: a choice has no message with a text as its content")]
    [InlineData(200, "[]", "*answers strangely: an object is expected")]
    [InlineData(200, "<html>hello</html>", "*with what is no JSON: is the address right?")]
    public async Task Answer_FailureForGood_IsOneLine(int status, string text, string message)
    {
        await using var server = await CompletionServer.StartAsync();
        server.Instead = (_, _) => Results.Text(text, statusCode: status);

        (await FluentActions.Invoking(() => AnswerAsync(server, 3)).Should().ThrowAsync<GramException>()).WithMessage(message).And.Message.Should().NotContain("\n");
        server.Requests.Count.Should().BeLessThan(25, "what is refused for good stops the rest");
    }

    [Fact]
    public async Task Open_WrongKeyOrAddress_IsKnownAtOnce()
    {
        await using var server = await CompletionServer.StartAsync();
        server.Models = Results.Json(new { error = "Unauthorized" }, statusCode: 401);

        (await FluentActions.Invoking(() => OpenAsync(server)).Should().ThrowAsync<GramException>()).WithMessage("*refuses (401): Unauthorized; set GRAM_GENERATOR_API_KEY to its key");
        (await FluentActions.Invoking(() => RemoteGenerator.OpenAsync(new() { BaseUrl = new Uri("http://127.0.0.1:1/v1"), Model = "policy" })).Should().ThrowAsync<GramException>()).WithMessage("generator at http://127.0.0.1:1/v1 cannot be reached: *");
        (await FluentActions.Invoking(() => RemoteGenerator.OpenAsync(new() { BaseUrl = new Uri("http://me:secret@127.0.0.1:1/v1"), Model = "policy" })).Should().ThrowAsync<GramException>()).WithMessage("generator_url: *holds a name or a key: set GRAM_GENERATOR_API_KEY*").And.Message.Should().NotContain("secret");
        server.Requests.Should().BeEmpty();
        server.Models = Results.NotFound();
        using var generator = await OpenAsync(server);
        (await generator.AnswerAsync([new Prompt("Why?")], Sampling, 1, greedy: false, 1)).Should().ContainSingle("a server need not list its models");
    }

    [Fact]
    public async Task Answer_PromptsThatCannotBeSent_AreNamed()
    {
        await using var server = await CompletionServer.StartAsync();

        (await FluentActions.Invoking(() => AnswerAsync(server, 1, [new Prompt("Why?"), new Prompt("")])).Should().ThrowAsync<GramException>()).WithMessage("prompt 2 is empty*");
        (await FluentActions.Invoking(() => AnswerAsync(server, 1, [new Prompt(null, [new ChatMessage("user", "Why?")])], options: options => options with { RawText = true })).Should().ThrowAsync<GramException>()).WithMessage("prompt 1 is a conversation, which raw text cannot hold*");
        server.Requests.Should().BeEmpty();
    }

    [Fact]
    public async Task Answer_Cancelled_StopsAsking()
    {
        await using var server = await CompletionServer.StartAsync();
        using var stop = new CancellationTokenSource();
        server.Instead = (number, _) =>
        {
            if (number == 3) stop.Cancel();
            return null;
        };
        using var generator = await OpenAsync(server);

        await FluentActions.Invoking(() => generator.AnswerAsync(Questions, Sampling, 1, greedy: false, 1, cancellationToken: stop.Token)).Should().ThrowAsync<OperationCanceledException>();

        server.Requests.Count.Should().BeLessThan(12);
    }

    private static async Task<IReadOnlyList<IReadOnlyList<string>>> AnswerAsync(
        CompletionServer server, int count, IReadOnlyList<Prompt>? prompts = null, SamplingOptions? sampling = null, Func<RemoteGeneratorOptions, RemoteGeneratorOptions>? options = null)
    {
        using var generator = await OpenAsync(server, options);
        return await generator.AnswerAsync(prompts ?? Questions, sampling ?? Sampling, count, greedy: false, seed: 7);
    }

    private static Task<RemoteGenerator> OpenAsync(CompletionServer server, Func<RemoteGeneratorOptions, RemoteGeneratorOptions>? options = null) =>
        RemoteGenerator.OpenAsync((options ?? (same => same))(new() { BaseUrl = server.BaseUrl, Model = "policy", ApiKey = "secret", EnableThinking = false, Concurrency = 4, Retries = 3, RetryDelay = TimeSpan.FromMilliseconds(1) }));
}
