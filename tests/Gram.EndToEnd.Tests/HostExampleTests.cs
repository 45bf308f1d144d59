using System.Diagnostics;

namespace Gram.EndToEnd.Tests;

/// <summary>examples/host as a user runs it.</summary>
[Collection(ProgramTests.Name)]
public sealed class HostExampleTests(TinyModels tiny)
{
    [Fact]
    public async Task Run_OnItsConfiguration_AlignsAndRanks()
    {
        var folder = Path.Combine(tiny.Root, "hosted");

        var (exitCode, output) = await RunAsync(
            "--Gram:ppo:output_dir", folder, "--Gram:ppo:max_steps", "1", "--Gram:ppo:max_new_tokens", "8", "--Gram:ppo:per_device_train_batch_size", "2", "--Gram:ppo:ppo_buffer_size", "1", "--Gram:ppo:template", "none");

        exitCode.Should().Be(0, output);
        output.Should().Contain("PPO of ").And.Contain("step 1 of 1: reward ").And.MatchRegex("answer [01] is best, score 0\\.[0-9]{3}");
        File.Exists(Path.Combine(folder, "model.safetensors")).Should().BeTrue();
    }

    [Theory]
    [InlineData("--Gram:ppo:learning_rat", "1e-5", "Gram:ppo: unknown key 'learning_rat'; the nearest known one is 'learning_rate'")]
    [InlineData("--Gram:judge:max_batch_pairs", "0", "Gram:judge: 'max_batch_pairs' is out of range: 0; accepted: 1 or more (default 256)")]
    [InlineData("--Gram:ppo:num_samples", "3", "num_samples (3) must divide the rollout")]
    public async Task Run_WithWrongOptions_StopsAtTheStart(string key, string value, string said)
    {
        var (exitCode, output) = await RunAsync(key, value);

        exitCode.Should().NotBe(0);
        output.Should().Contain(said).And.NotContain("PPO of");
    }

    private async Task<(int ExitCode, string Output)> RunAsync(params string[] args)
    {
        string[] words =
        [
            "--default-signal=INT", "dotnet", Path.Combine(AppContext.BaseDirectory, "Gram.Examples.Host.dll"),
            "--Gram:judge:reward_model", tiny.Judge, "--Gram:judge:device", "cpu", "--Gram:ppo:model_name_or_path", tiny.Policy, "--Gram:ppo:dataset", tiny.Prompts, "--Gram:best_of_n:method", "knockout", .. args,
        ];
        var start = new ProcessStartInfo("env", words) { WorkingDirectory = tiny.Root, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["OMP_NUM_THREADS"] = "1";
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output + await error);
    }
}
