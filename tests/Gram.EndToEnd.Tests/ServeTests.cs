using System.Globalization;
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
        var server = await tiny.ServerAsync();
        var before = await PairsJudgedAsync(server);

        var answers = await Task.WhenAll(pairs.Select(server.CompareAsync));

        for (var i = 0; i < pairs.Length; i++) answers[i].Should().BeApproximately(expected[i].ScoreA, 1e-5);
        (await PairsJudgedAsync(server) - before).Should().Be(200);
    }

    [Fact]
    public async Task Serve_ToldToStop_AnswersWhatIsUnderWay()
    {
        using var server = await ServerProcess.ServeAsync(tiny.Root, "--reward_model", tiny.Judge, "--max_batch_pairs", "4", "--json");
        await server.CompareAsync(new("Warm up.", "a", "b"));
        var asked = Enumerable.Range(0, 64).Select(i => server.CompareAsync(new($"My phone number {i} is broken.", $"Please restart it {i}.", $"No {i}."))).ToList();
        await Task.WhenAny(asked);

        await server.SignalAsync("TERM");

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
        var run = await server.EndAsync();
        run.Error.Should().Contain("stopping: answering what is under way");
        run.Json["pairs"]!.GetValue<int>().Should().Be(answered + 1);
        run.Json["requests"]!.GetValue<int>().Should().Be(answered + 1);
    }

    [SkippableFact]
    public async Task Serve_HungUp_LoadsTheJudgeAnew()
    {
        Skip.If(IgnoresHangUp(), "started by nohup, where children ignore SIGHUP too");
        var folder = Path.Combine(tiny.Root, "reloaded");
        Directory.CreateDirectory(folder);
        foreach (var file in Directory.GetFiles(tiny.Judge)) File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        using var server = await ServerProcess.ServeAsync(tiny.Root, "--reward_model", folder, "--dtype", "float32");
        var pair = new AnswerPair("My phone is broken.", "Please restart it.", "No.");
        var before = await server.CompareAsync(pair);
        // Another judge's weights, put in place as a training run does it: by renaming.
        using (var other = Gram.Models.Transformer.CausalLM.Create(Gram.Models.Checkpoints.ModelConfig.Read(folder), new Gram.Models.RandomSource(99))) other.Save(folder);
        TinyModels.JudgeConfig.Write(folder);

        await server.SignalAsync("HUP");
        await server.SaysAsync("is loaded anew");

        using var alone = GramJudge.Load(folder);
        var after = await server.CompareAsync(pair);
        after.Should().BeApproximately((await alone.ScoreAsync([pair]))[0].ScoreA, 1e-5);
        after.Should().NotBe(before);
        await server.StopAsync();
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

    /// <summary>Pairs judged so far; before the first there is no such line.</summary>
    private static async Task<int> PairsJudgedAsync(ServerProcess server) =>
        JudgedPairs().Match(await server.Client.GetStringAsync(new Uri("metrics", UriKind.Relative))) is { Success: true } match ? int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : 0;

    private static bool IgnoresHangUp()
    {
        const string Status = "/proc/self/status", Ignored = "SigIgn:";
        return File.Exists(Status) && File.ReadLines(Status).FirstOrDefault(line => line.StartsWith(Ignored, StringComparison.Ordinal)) is { } mask && (Convert.ToUInt64(mask[Ignored.Length..].Trim(), 16) & 1) != 0;
    }

    [GeneratedRegex(@"^gram_judge_pairs_total (\d+)", RegexOptions.Multiline)]
    private static partial Regex JudgedPairs();
}
