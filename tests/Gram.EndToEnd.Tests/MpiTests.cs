using System.Text.Json.Nodes;

namespace Gram.EndToEnd.Tests;

/// <summary>PPO in two processes under Open MPI's mpirun.</summary>
[Collection(ProgramTests.Name)]
public sealed class MpiTests : IDisposable
{
    private readonly TemporaryDirectory folder = new();

    public void Dispose() => folder.Dispose();

    [SkippableFact]
    public async Task Ppo_InTwoProcesses_IsTheRunOfOneAndGoesOnInOne()
    {
        Skip.IfNot(GramProgram.HasMpi, "mpirun is not installed (Debian: openmpi-bin)");
        string[] ppo = ["ppo", "--per_device_train_batch_size", "4", "--ppo_buffer_size", "2", "--max_new_tokens", "12", "--logging_steps", "1", "--save_steps", "1", "--max_steps", "2", "--eval_steps", "0", "--json"];
        string[] alone = [.. ppo, "--gradient_accumulation_steps", "2"], shared = [.. ppo, "--gradient_accumulation_steps", "1"];

        var one = await GramProgram.RunAsync(folder.Path, [.. alone, "--output_dir", "one"]);
        var two = await GramProgram.RunUnderMpiAsync(2, folder.Path, [.. shared, "--output_dir", "two"]);
        var resumed = await GramProgram.RunAsync(folder.Path, [.. alone, "--output_dir", "two", "--resume_from_checkpoint", folder.File("two/checkpoint-1")]);

        (one.ExitCode, two.ExitCode, resumed.ExitCode).Should().Be((0, 0, 0), two.Error + resumed.Error);
        JsonNode.Parse(two.Output.Trim())!["steps"]!.GetValue<int>().Should().Be(2, "one process speaks for both");
        ShouldBeNear("two", "one");
    }

    [SkippableFact]
    public async Task Mistake_InTwoProcesses_IsSaidOnceAndEndsBoth()
    {
        Skip.IfNot(GramProgram.HasMpi, "mpirun is not installed (Debian: openmpi-bin)");

        var judging = await GramProgram.RunUnderMpiAsync(2, folder.Path, "judge", "--input", "pairs.jsonl");
        var missing = await GramProgram.RunUnderMpiAsync(2, folder.Path, "ppo", "--reward_model", "nowhere", "--output_dir", "run");

        (judging.ExitCode, missing.ExitCode).Should().Be((2, 2));
        judging.Error.Split('\n').Should().ContainSingle(line => line.Contains("gram judge runs in one process", StringComparison.Ordinal));
        missing.Error.Split('\n').Should().ContainSingle(line => line.Contains("nowhere: no such directory", StringComparison.Ordinal));
    }

    private void ShouldBeNear(string run, string other)
    {
        var (ours, theirs) = (Log(run), Log(other));
        ours.Should().HaveCount(2).And.HaveSameCount(theirs);
        foreach (var (step, expected) in ours.Zip(theirs))
        {
            foreach (var metric in new[] { "objective/kl", "objective/scores", "grad_norm", "loss/policy_avg", "tokens/response_len_mean" })
                step[metric]!.GetValue<double>().Should().BeApproximately(expected[metric]!.GetValue<double>(), 1e-3, metric);
        }
    }

    private JsonNode[] Log(string run) => [.. File.ReadAllLines(folder.File(Path.Combine(run, "trainer_log.jsonl"))).Select(line => JsonNode.Parse(line)!)];
}
