using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Gram.Reward.Judging;

namespace Gram.EndToEnd.Tests;

/// <summary>examples/aspnet as a user runs it.</summary>
[Collection(ProgramTests.Name)]
public sealed class AspNetExampleTests(TinyModels tiny)
{
    [Fact]
    public async Task Judge_ConcurrentRequests_GetTheScoresOfTheJudgeAlone()
    {
        AnswerPair[] pairs = [.. Enumerable.Range(0, 24).Select(i => new AnswerPair($"My phone number {i} is broken.", "Please restart it.", $"No {i}."))];
        using var alone = GramJudge.Load(tiny.Judge);
        var expected = await alone.ScoreAsync(pairs);
        using var server = await ServerProcess.OfAsync(Start(tiny.Judge));

        var answers = await Task.WhenAll(pairs.Select(async pair =>
        {
            var response = await server.Client.PostAsJsonAsync(new Uri("judge", UriKind.Relative), new { question = pair.Question, answerA = pair.AnswerA, answerB = pair.AnswerB });
            response.StatusCode.Should().Be(HttpStatusCode.OK);
            return (await response.Content.ReadFromJsonAsync<JsonObject>())!;
        }));

        for (var i = 0; i < pairs.Length; i++)
        {
            answers[i]["scoreA"]!.GetValue<double>().Should().BeApproximately(expected[i].ScoreA, 0.02, "the example takes the faster dtype");
            answers[i]["orderDisagreement"]!.GetValue<double>().Should().BeApproximately(expected[i].OrderDisagreement, 0.04);
        }
        await server.StopAsync("INT");
    }

    [Fact]
    public async Task Start_WithoutAModel_FailsAtOnce()
    {
        var run = await GramProgram.FinishAsync(Start("nowhere"));

        run.ExitCode.Should().NotBe(0);
        (run.Output + run.Error).Should().Contain("nowhere: no such directory");
    }

    private Process Start(string judge)
    {
        var start = new ProcessStartInfo("env", ["--default-signal=INT", "dotnet", Path.Combine(AppContext.BaseDirectory, "Gram.Examples.AspNet.dll"), "--urls", "http://127.0.0.1:0", "--judge", judge]) { WorkingDirectory = tiny.Root, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["HF_HUB_OFFLINE"] = "1";
        start.Environment["OMP_NUM_THREADS"] = "1";
        return Process.Start(start)!;
    }
}
