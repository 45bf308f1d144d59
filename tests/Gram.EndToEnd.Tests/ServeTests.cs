using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Gram.Reward.Judging;

namespace Gram.EndToEnd.Tests;

/// <summary>gram serve as a user runs it.</summary>
[Collection(ProgramTests.Name)]
public sealed partial class ServeTests(TinyModels tiny)
{
    [Fact]
    public async Task Serve_ConcurrentRequests_GetTheScoresOfTheJudgeAlone()
    {
        AnswerPair[] pairs = [.. Enumerable.Range(0, 200).Select(i => new AnswerPair($"My phone number {i % 20} is broken.", $"Please restart it {i}.", $"No {i}."))];
        using var alone = GramJudge.Load(tiny.Judge);
        var expected = await alone.ScoreAsync(pairs);
        using var process = GramProgram.Start(tiny.Root, "serve", "--port", "0", "--reward_model", tiny.Judge, "--dtype", "float32", "--json");
        using var client = new HttpClient { BaseAddress = await AddressAsync(process) };

        var answers = await Task.WhenAll(pairs.Select(pair => CompareAsync(client, pair)));

        for (var i = 0; i < pairs.Length; i++) answers[i].Should().BeApproximately(expected[i].ScoreA, 1e-5);
        (await client.GetStringAsync(new Uri("metrics", UriKind.Relative))).Should().Contain("gram_judge_pairs_total 200");
        await SignalAsync(process, "TERM");
        var run = await GramProgram.FinishAsync(process);
        run.ExitCode.Should().Be(0);
        run.Json["pairs"]!.GetValue<int>().Should().Be(200);
        run.Json["requests"]!.GetValue<int>().Should().Be(201);
    }

    [Fact]
    public async Task Serve_ToldToStop_AnswersWhatIsUnderWay()
    {
        using var process = GramProgram.Start(tiny.Root, "serve", "--port", "0", "--reward_model", tiny.Judge, "--max_batch_pairs", "4");
        using var client = new HttpClient { BaseAddress = await AddressAsync(process) };
        await CompareAsync(client, new("Warm up.", "a", "b"));
        var asked = Enumerable.Range(0, 64).Select(i => CompareAsync(client, new($"My phone number {i} is broken.", $"Please restart it {i}.", $"No {i}."))).ToList();
        await Task.WhenAny(asked);

        await SignalAsync(process, "TERM");

        // Whoever was connected is answered; a connection that was not yet taken is refused, and never left hanging.
        var answered = 0;
        foreach (var request in asked)
        {
            try
            {
                (await request).Should().BeInRange(0, 1);
                answered++;
            }
            catch (HttpRequestException)
            {
            }
        }
        answered.Should().BeGreaterThan(0);
        var run = await GramProgram.FinishAsync(process);
        run.ExitCode.Should().Be(0);
        run.Error.Should().Contain("stopping: answering what is under way");
        run.Output.Should().Contain(" pairs in ");
    }

    [SkippableFact]
    public async Task Serve_HungUp_LoadsTheJudgeAnew()
    {
        Skip.If(IgnoresHangUp(), "started by nohup, where children ignore SIGHUP too");
        var folder = Path.Combine(tiny.Root, "reloaded");
        Directory.CreateDirectory(folder);
        foreach (var file in Directory.GetFiles(tiny.Judge)) File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        using var process = GramProgram.Start(tiny.Root, "serve", "--port", "0", "--reward_model", folder, "--dtype", "float32");
        using var client = new HttpClient { BaseAddress = await AddressAsync(process) };
        var pair = new AnswerPair("My phone is broken.", "Please restart it.", "No.");
        var before = await CompareAsync(client, pair);
        // Another judge's weights, put in place as a training run does it: by renaming.
        using (var other = Gram.Models.Transformer.CausalLM.Create(Gram.Models.Checkpoints.ModelConfig.Read(folder), new Gram.Models.RandomSource(99))) other.Save(folder);
        JudgeConfigOf(folder);

        await SignalAsync(process, "HUP");
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (await process.StandardError.ReadLineAsync(patience.Token) is { } line && !line.Contains("is loaded anew", StringComparison.Ordinal)) { }

        using var alone = GramJudge.Load(folder);
        var after = await CompareAsync(client, pair);
        after.Should().BeApproximately((await alone.ScoreAsync([pair]))[0].ScoreA, 1e-5);
        after.Should().NotBe(before);
        await SignalAsync(process, "TERM");
        (await GramProgram.FinishAsync(process)).ExitCode.Should().Be(0);
    }

    [Fact]
    public async Task Serve_WithoutModel_ServesTheEmbeddedJudge()
    {
        using var process = GramProgram.Start(tiny.Root, "serve", "--port", "0");
        using var client = new HttpClient { BaseAddress = await AddressAsync(process) };

        (await CompareAsync(client, new("My router is broken.", "Thank you for writing to us. Please restart the router. Have a nice day.", "Not you again."))).Should().BeGreaterThan(0.5);

        await SignalAsync(process, "INT");
        (await GramProgram.FinishAsync(process)).ExitCode.Should().Be(0);
    }

    [Theory]
    [InlineData("--api_keys", "none.txt", "none.txt cannot be read*")]
    [InlineData("--template", "fancy", "chat template fancy is not known*")]
    [InlineData("--reference_file", "pairs.jsonl", "*row 1: 'reference' is missing*")]
    [InlineData("--urls", "https://localhost:1", "urls: https://localhost:1 is no address such as*")]
    [InlineData("--reward_model", "nowhere", "nowhere: no such directory*")]
    [InlineData("--urls", "http://192.0.2.1:5080", "the server cannot listen on http://192.0.2.1:5080*")]
    public async Task Serve_WhatCannotBe_IsOneLine(string key, string value, string message)
    {
        var run = await GramProgram.RunAsync(tiny.Root, key == "--reward_model" ? ["serve", "--port", "0", key, value] : ["serve", "--port", "0", "--reward_model", tiny.Judge, key, value]);

        run.ExitCode.Should().Be(2, run.Error);
        run.ErrorLine.Should().Match(message);
    }

    private static void JudgeConfigOf(string folder) => TinyModels.JudgeConfig.Write(folder);

    private static async Task<double> CompareAsync(HttpClient client, AnswerPair pair)
    {
        var response = await client.PostAsJsonAsync(new Uri("v1/compare", UriKind.Relative), new { pairs = new[] { new { prompt = pair.Question, response_a = pair.AnswerA, response_b = pair.AnswerB } } });
        response.StatusCode.Should().Be(HttpStatusCode.OK, await response.Content.ReadAsStringAsync());
        return (await response.Content.ReadFromJsonAsync<JsonObject>())!["results"]![0]!["score_a"]!.GetValue<double>();
    }

    /// <summary>Where it listens, once it does.</summary>
    internal static async Task<Uri> AddressAsync(Process process)
    {
        var lines = new List<string>();
        while (await process.StandardError.ReadLineAsync() is { } line)
        {
            lines.Add(line);
            if (Listening().Match(line) is { Success: true } match) return new Uri(match.Groups[1].Value + "/");
        }
        throw new InvalidOperationException($"it did not start: {string.Join('\n', lines)}");
    }

    private static bool IgnoresHangUp()
    {
        const string Status = "/proc/self/status", Ignored = "SigIgn:";
        return File.Exists(Status) && File.ReadLines(Status).FirstOrDefault(line => line.StartsWith(Ignored, StringComparison.Ordinal)) is { } mask && (Convert.ToUInt64(mask[Ignored.Length..].Trim(), 16) & 1) != 0;
    }

    internal static async Task SignalAsync(Process process, string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", process.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
    }

    [GeneratedRegex(@" judges on (http://[0-9.:]+)")]
    private static partial Regex Listening();
}
