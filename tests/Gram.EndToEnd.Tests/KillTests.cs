using System.Diagnostics;
using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Ppo;
using Gram.Training.Runs;
using Xunit.Abstractions;

namespace Gram.EndToEnd.Tests;

/// <summary>
/// The program killed without warning at random moments (SIGKILL), and taken up again each time: minutes, so at night only.
/// GRAMRL_NIGHTLY=1 dotnet test tests/Gram.EndToEnd.Tests --filter KillTests
/// </summary>
[Collection(ProgramTests.Name), Trait("Category", "Nightly")]
public sealed class KillTests(ITestOutputHelper output) : IDisposable
{
    private const int Kills = 20, Steps = 40;

    private static readonly string[] Command =
    [
        "ppo", "--max_steps", $"{Steps}", "--max_samples", "16", "--per_device_train_batch_size", "2", "--gradient_accumulation_steps", "2", "--ppo_buffer_size", "2",
        "--max_new_tokens", "12", "--save_steps", "1", "--save_total_limit", "2", "--eval_steps", "7", "--ppo_target", "3", "--optim", "adamw_8bit",
    ];

    private readonly TemporaryDirectory folder = new();

    public void Dispose() => folder.Dispose();

    [SkippableFact]
    public async Task Ppo_KilledTwentyTimes_EndsWithTheBitsOfARunThatNeverWas()
    {
        Skip.IfNot(Environment.GetEnvironmentVariable("GRAMRL_NIGHTLY") == "1", "takes minutes: set GRAMRL_NIGHTLY=1");
        var (start, step) = await Unbroken();
        var seed = (ulong)Environment.TickCount64;
        output.WriteLine($"a start takes {start.TotalSeconds:0.0} s, a step {step.TotalSeconds:0.00} s; moments drawn with seed {seed}");
        var random = new RandomSource(seed);

        var kills = 0;
        for (var tries = 0; kills < Kills && tries < 2 * Kills; tries++)
        {
            var moment = random.NextDouble() * (start + (2 * step));
            if (await KillAfter(moment)) kills++;
            output.WriteLine($"{moment.TotalSeconds:0.00} s: {Describe()}");
        }

        kills.Should().Be(Kills, "the run is long enough");
        (await Run("killed", "--resume_from_checkpoint", "true")).ExitCode.Should().Be(0);
        Metrics("killed").Should().Equal(Metrics("unbroken"));
        File.ReadAllLines(folder.File("killed/samples.jsonl")).Should().Equal(File.ReadAllLines(folder.File("unbroken/samples.jsonl")));
        string[] weights = [.. Directory.GetFiles(folder.File("unbroken"), "*.safetensors", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(folder.File("unbroken"), path))];
        weights.Should().Contain(["model.safetensors", $"checkpoint-{Steps}/optimizer.safetensors", "value_model/value_head.safetensors"]);
        foreach (var file in weights)
            File.ReadAllBytes(folder.File($"killed/{file}")).AsSpan().SequenceEqual(File.ReadAllBytes(folder.File($"unbroken/{file}"))).Should().BeTrue(file);
        Directory.GetFileSystemEntries(folder.File("killed"), "*.tmp", SearchOption.AllDirectories).Should().BeEmpty();
    }

    /// <summary>The run that the killed one must equal; the time until its first step was saved, and that of a step.</summary>
    private async Task<(TimeSpan Start, TimeSpan Step)> Unbroken()
    {
        var clock = Stopwatch.StartNew();
        var run = Run("unbroken");
        while (!Directory.Exists(folder.File("unbroken/checkpoint-1")) && !run.IsCompleted) await Task.Delay(10);
        var start = clock.Elapsed;
        var ended = await run;
        ended.ExitCode.Should().Be(0, ended.Error);
        return (start, (clock.Elapsed - start) / Steps);
    }

    /// <summary>Runs on, and kills it after a time; false where it had come to its end. What is left must be whole.</summary>
    private async Task<bool> KillAfter(TimeSpan time)
    {
        using var process = GramProgram.Start(folder.Path, [.. Command, "--output_dir", "killed", "--resume_from_checkpoint", "true"]);
        var (text, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await Task.WhenAny(process.WaitForExitAsync(), Task.Delay(time));
        if (!process.HasExited) process.Kill();
        await process.WaitForExitAsync();
        await Task.WhenAll(text, errors);
        foreach (var checkpoint in Checkpoints())
        {
            RunDirectory.GlobalStep(checkpoint).Should().BeGreaterThan(0);
            foreach (var file in (string[])["model.safetensors", "optimizer.safetensors", "value_optimizer.safetensors"]) File.Exists(Path.Combine(checkpoint, file)).Should().BeTrue($"{checkpoint} is whole");
        }
        if (process.ExitCode != 0) process.ExitCode.Should().Be(128 + 9, await errors);
        return process.ExitCode != 0;
    }

    private string[] Checkpoints() => !Directory.Exists(folder.File("killed")) ? [] : [.. Directory.GetDirectories(folder.File("killed"), "checkpoint-*").Where(path => !path.EndsWith(".tmp", StringComparison.Ordinal))];

    private string Describe() => Checkpoints() is { Length: > 0 } checkpoints ? string.Join(", ", checkpoints.Select(Path.GetFileName).Order()) : "no checkpoint";

    private Task<ProgramRun> Run(string name, params string[] more) => GramProgram.RunAsync(folder.Path, [.. Command, "--output_dir", name, .. more]);

    private string[] Metrics(string name) =>
    [
        .. File.ReadAllLines(folder.File($"{name}/trainer_log.jsonl")).Select(line => string.Join(' ', JsonNode.Parse(line)!.AsObject()
            .Where(metric => !StepMetrics.IsOfTheMachine(metric.Key)).Select(metric => $"{metric.Key}={metric.Value}")))
    ];
}
