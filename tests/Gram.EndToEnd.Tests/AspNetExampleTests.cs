using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Gram.Reward.Judging;

namespace Gram.EndToEnd.Tests;

/// <summary>examples/aspnet as a user runs it.</summary>
[Collection(ProgramTests.Name)]
public sealed partial class AspNetExampleTests(TinyModels tiny)
{
    [Fact]
    public async Task Judge_ConcurrentRequests_GetTheScoresOfTheJudgeAlone()
    {
        AnswerPair[] pairs = [.. Enumerable.Range(0, 24).Select(i => new AnswerPair($"My phone number {i} is broken.", "Please restart it.", $"No {i}."))];
        using var alone = GramJudge.Load(tiny.Judge);
        var expected = await alone.ScoreAsync(pairs);
        using var process = Start(tiny.Root, "--urls", "http://127.0.0.1:0", "--judge", tiny.Judge);
        using var client = new HttpClient { BaseAddress = await AddressAsync(process) };

        var answers = await Task.WhenAll(pairs.Select(async pair =>
        {
            var response = await client.PostAsJsonAsync(new Uri("judge", UriKind.Relative), new { question = pair.Question, answerA = pair.AnswerA, answerB = pair.AnswerB });
            response.StatusCode.Should().Be(HttpStatusCode.OK);
            return (await response.Content.ReadFromJsonAsync<JsonObject>())!;
        }));

        for (var i = 0; i < pairs.Length; i++)
        {
            answers[i]["scoreA"]!.GetValue<double>().Should().BeApproximately(expected[i].ScoreA, 0.02, "the example takes the faster dtype");
            answers[i]["orderDisagreement"]!.GetValue<double>().Should().BeApproximately(expected[i].OrderDisagreement, 0.04);
        }
        GramProgram.Interrupt(process);
        await process.WaitForExitAsync(new CancellationTokenSource(TimeSpan.FromMinutes(1)).Token);
        process.ExitCode.Should().Be(0);
    }

    [Fact]
    public async Task Start_WithoutAModel_FailsAtOnce()
    {
        using var process = Start(tiny.Root, "--urls", "http://127.0.0.1:0", "--judge", "nowhere");

        var error = await process.StandardOutput.ReadToEndAsync() + await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();

        process.ExitCode.Should().NotBe(0);
        error.Should().Contain("nowhere: no such directory");
    }

    /// <summary>Starts the example.</summary>
    internal static Process Start(string workingDirectory, params string[] args)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "Gram.Examples.AspNet.dll");
        var start = new ProcessStartInfo("env", ["--default-signal=INT", "dotnet", program, .. args]) { WorkingDirectory = workingDirectory, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["HF_HUB_OFFLINE"] = "1";
        start.Environment["OMP_NUM_THREADS"] = "1";
        return Process.Start(start)!;
    }

    /// <summary>Where it listens, once it does.</summary>
    internal static async Task<Uri> AddressAsync(Process process)
    {
        var lines = new List<string>();
        while (await process.StandardOutput.ReadLineAsync() is { } line)
        {
            lines.Add(line);
            if (Listening().Match(line) is { Success: true } match) return new Uri(match.Groups[1].Value + "/");
        }
        throw new InvalidOperationException($"it did not start: {string.Join('\n', lines)} {await process.StandardError.ReadToEndAsync()}");
    }

    [GeneratedRegex("Now listening on: (http://[0-9.:]+)")]
    private static partial Regex Listening();
}
