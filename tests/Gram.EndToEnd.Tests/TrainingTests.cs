using System.Text.Json.Nodes;

namespace Gram.EndToEnd.Tests;

[Collection(ProgramTests.Name)]
public sealed class TrainingTests(TinyModels tiny)
{
    private static readonly string[] ShortPpo =
        ["--max_new_tokens", "8", "--per_device_train_batch_size", "2", "--ppo_buffer_size", "2", "--save_steps", "1", "--eval_steps", "1", "--learning_rate", "1e-3"];

    [Fact]
    public async Task Train_BothStages_MakesAJudge()
    {
        var (first, second) = (Path.Combine(tiny.Root, "stage1"), Path.Combine(tiny.Root, "stage2"));
        string[] common = ["--dataset", tiny.Pairs, "--max_steps", "2", "--per_device_train_batch_size", "4", "--gradient_accumulation_steps", "1", "--template", "none", "--gram_prompt", TinyModels.JudgeConfig.Prompt, "--gram_candidate_labels", "[\" A\",\" B\"]", "--logging_steps", "1", "--json"];

        var stage1 = await GramProgram.RunAsync(tiny.Root, ["train", "--model", tiny.Policy, "--output_dir", first, .. common]);
        var stage2 = await GramProgram.RunAsync(tiny.Root, ["train", "--model", first, "--output_dir", second, "--gram_loss", "--eval_dataset", tiny.Pairs, .. common]);

        stage1.ExitCode.Should().Be(0, stage1.Error);
        stage2.ExitCode.Should().Be(0, stage2.Error);
        stage2.Json["steps"]!.GetValue<int>().Should().Be(2);
        stage2.Json["train_loss"]!.GetValue<double>().Should().BeGreaterThan(0);
        stage2.Json["eval"]!["count"]!.GetValue<int>().Should().Be(12);
        stage2.Json["model"]!.GetValue<string>().Should().Be(second);
        File.ReadAllLines(Path.Combine(second, "trainer_log.jsonl")).Should().HaveCountGreaterThanOrEqualTo(2);
        File.ReadAllText(Path.Combine(second, "config.yaml")).Should().Contain("gram_loss: true");
        (await GramProgram.RunAsync(tiny.Root, "judge", "--reward_model", second, "--input", tiny.Pairs, "--json")).ExitCode.Should().Be(0);
    }

    [Fact]
    public async Task Train_ListOfTwoStages_TrainsTheSecondFromTheFirst()
    {
        var yaml = tiny.Write("stages.yaml",
            $"- model_name_or_path: {tiny.Policy}", $"  dataset: {tiny.Pairs}", "  max_steps: 1", "  plot_loss: true",
            $"- dataset: {tiny.Pairs}", $"  eval_dataset: {tiny.Pairs}", "  gram_loss: true", "  max_steps: 2");
        string[] command = ["train", yaml, "--output_dir", Path.Combine(tiny.Root, "both"), "--template", "none", "--gram_prompt", TinyModels.JudgeConfig.Prompt, "--gram_candidate_labels", "[\" A\",\" B\"]", "--logging_steps", "1", "--json"];

        var run = await GramProgram.RunAsync(tiny.Root, command);

        run.ExitCode.Should().Be(0, run.Error);
        run.Json["stages"]!.AsArray().Select(stage => stage!["steps"]!.GetValue<int>()).Should().Equal(1, 2);
        run.Json["eval"]!["count"]!.GetValue<int>().Should().Be(12);
        var (first, second) = (Path.Combine(tiny.Root, "both", "stage-1"), Path.Combine(tiny.Root, "both", "stage-2"));
        run.Json["model"]!.GetValue<string>().Should().Be(second);
        File.ReadAllText(Path.Combine(second, "config.yaml")).Should().Contain($"model_name_or_path: {first}").And.Contain("gram_loss: true");
        File.Exists(Path.Combine(first, "README.md")).Should().BeTrue();
        (await GramProgram.RunAsync(tiny.Root, [.. command, "--resume_from_checkpoint", "true"])).Output.Should().Contain($"{second}", "both are finished");
    }

    [Fact]
    public async Task Train_ListWhoseSecondStageHasABadRow_FailsBeforeTheFirstTrains()
    {
        var bad = tiny.Write("bad-pairs.jsonl", """{"prompt": "Why?", "chosen": "So."}""");
        var yaml = tiny.Write("bad-stages.yaml", $"- {{model_name_or_path: {tiny.Policy}, dataset: {tiny.Pairs}, max_steps: 1, template: none}}", $"- {{dataset: {bad}, gram_loss: true, template: none, gram_prompt: '{{answer_a}} {{answer_b}}'}}");

        var run = await GramProgram.RunAsync(tiny.Root, "train", yaml, "--output_dir", Path.Combine(tiny.Root, "neither"), "--gram_candidate_labels", "[\" A\",\" B\"]");

        run.ExitCode.Should().Be(2);
        run.ErrorLine.Should().Contain("bad-pairs.jsonl, row 1: 'rejected' is missing");
        Directory.Exists(Path.Combine(tiny.Root, "neither")).Should().BeFalse();
    }

    [Fact]
    public async Task Train_DryRun_ShowsExamplesAndWritesNothing()
    {
        string[] command = ["train", "--model", tiny.Policy, "--dataset", tiny.Pairs, "--gram_loss", "--template", "none", "--gram_prompt", TinyModels.JudgeConfig.Prompt, "--gram_candidate_labels", "[\" A\",\" B\"]", "--output_dir", Path.Combine(tiny.Root, "dry"), "--dry_run"];

        var text = await GramProgram.RunAsync(tiny.Root, command);
        var json = await GramProgram.RunAsync(tiny.Root, [.. command, "--json"]);

        text.ExitCode.Should().Be(0, text.Error);
        text.Output.Should().Contain("example 1").And.Contain("masked").And.Contain("My phone number 0 is broken.").And.Contain("12 to train on").And.Contain("of warm-up");
        json.Json["train"]!.GetValue<int>().Should().Be(12);
        json.Json["examples"]!.AsArray().Should().HaveCount(3);
        json.Json["examples"]![0]!["parts"]![1]!["trained"]!.GetValue<string>().Should().BeOneOf(" A", " B");
        json.Json["memory"]!["fits"]!.GetValue<bool>().Should().BeTrue();
        Directory.Exists(Path.Combine(tiny.Root, "dry")).Should().BeFalse();
    }

    [Fact]
    public async Task Ppo_SameSeed_GivesTheSameNumbers()
    {
        var first = await PpoAsync("ppo-a", "--max_steps", "2", "--seed", "5");
        var again = await PpoAsync("ppo-b", "--max_steps", "2", "--seed", "5");
        var other = await PpoAsync("ppo-c", "--max_steps", "2", "--seed", "6");

        Numbers("ppo-a").Should().Be(Numbers("ppo-b")).And.NotBe(Numbers("ppo-c"));
        first.Json["kl"]!.GetValue<double>().Should().Be(again.Json["kl"]!.GetValue<double>());
        other.ExitCode.Should().Be(0);
    }

    [Fact]
    public async Task Ppo_ReasoningJudge_GivesTheSameNumbersAgain()
    {
        string[] reasoning = ["--max_steps", "1", "--rationale", "--votes", "2", "--rationale_max_new_tokens", "4", "--rationale_prompt", "{question} {answer_a} or {answer_b}: "];

        var run = await PpoAsync("ppo-reasoning", reasoning);
        var again = await PpoAsync("ppo-reasoning-again", reasoning);

        run.ExitCode.Should().Be(0, run.Error);
        Numbers("ppo-reasoning-again").Should().Be(Numbers("ppo-reasoning"));
        again.Json["win_rate"]!.ToJsonString().Should().Be(run.Json["win_rate"]!.ToJsonString());
    }

    [Fact]
    public async Task Ppo_TwoSteps_LeavesARunThatGenerateCanUse()
    {
        var run = await PpoAsync("ppo-run", "--max_steps", "2");

        run.Json["steps"]!.GetValue<int>().Should().Be(2);
        run.Json["win_rate"]!["judge"]!["mean"]!.GetValue<double>().Should().BeInRange(0, 1);
        run.Json.ContainsKey("gold").Should().BeFalse("a user's prompts have no gold measure");
        var folder = run.Json["model"]!.GetValue<string>();
        foreach (var file in (string[])["config.yaml", "trainer_state.json", "trainer_log.jsonl", "samples.jsonl", "model.safetensors", "config.json", "tokenizer.json", "checkpoint-2"])
        {
            Path.Exists(Path.Combine(folder, file)).Should().BeTrue(file);
        }
        Directory.GetFiles(folder, "events.out.tfevents.*").Should().NotBeEmpty();
        var answer = await GramProgram.RunAsync(tiny.Root, "generate", "--model", folder, "--prompt", "My router is broken.", "--max_new_tokens", "4");
        answer.ExitCode.Should().Be(0, answer.Error);
    }

    [Fact]
    public async Task Ppo_FromConfigOfARun_RepeatsIt()
    {
        await PpoAsync("ppo-first", "--max_steps", "1", "--seed", "11");

        var again = await GramProgram.RunAsync(tiny.Root, "ppo", Path.Combine(tiny.Root, "ppo-first", "config.yaml"), "--output_dir", Path.Combine(tiny.Root, "ppo-second"), "--json");

        again.ExitCode.Should().Be(0, again.Error);
        Numbers("ppo-second").Should().Be(Numbers("ppo-first"));
    }

    [Fact]
    public async Task Ppo_IntoAFinishedRun_RefusesToReplaceIt()
    {
        await PpoAsync("ppo-kept", "--max_steps", "1");

        var again = await GramProgram.RunAsync(tiny.Root, PpoCommand("ppo-kept", "--max_steps", "1"));

        again.ExitCode.Should().Be(2);
        again.ErrorLine.Should().Contain("holds an earlier run").And.Contain("overwrite_output_dir");
    }

    [Fact]
    public async Task Ppo_Interrupted_LeavesACheckpointAndResumes()
    {
        var process = GramProgram.Start(tiny.Root, PpoCommand("ppo-cut", "--max_steps", "100000", "--save_steps", "0", "--eval_steps", "0"));
        var line = await process.StandardError.ReadLineAsync();
        while (line is not null && !line.StartsWith("ppo 2/", StringComparison.Ordinal)) line = await process.StandardError.ReadLineAsync();
        GramProgram.Interrupt(process);
        var cut = await GramProgram.FinishAsync(process);

        cut.ExitCode.Should().Be(130, cut.Error);
        cut.Output.Should().BeEmpty();
        cut.Error.Should().Contain($"report: {Path.Combine(tiny.Root, "ppo-cut", "report.html")}");
        File.ReadAllText(Path.Combine(tiny.Root, "ppo-cut", "report.html")).Should().Contain("PPO, interrupted").And.Contain("data-metric=\"objective/kl\"");
        var checkpoint = Directory.GetDirectories(Path.Combine(tiny.Root, "ppo-cut"), "checkpoint-*").Should().ContainSingle().Subject;
        var steps = int.Parse(Path.GetFileName(checkpoint)["checkpoint-".Length..], System.Globalization.CultureInfo.InvariantCulture);

        var resumed = await GramProgram.RunAsync(tiny.Root, PpoCommand("ppo-cut", "--max_steps", $"{steps + 1}", "--eval_steps", "0", "--resume_from_checkpoint", "true"));

        resumed.ExitCode.Should().Be(0, resumed.Error);
        resumed.Json["steps"]!.GetValue<int>().Should().Be(steps + 1);
    }

    [Fact]
    public async Task Ppo_StoppedByAGuard_LeavesAReportThatSaysSo()
    {
        var run = await GramProgram.RunAsync(tiny.Root, PpoCommand("ppo-guarded", "--max_steps", "100", "--eval_steps", "0", "--max_kl", "1e-9"));

        run.ExitCode.Should().Be(3, run.Error);
        File.ReadAllText(Path.Combine(tiny.Root, "ppo-guarded", "report.html")).Should().Contain("PPO, stopped at step").And.Contain("max_kl");
    }

    [Fact]
    public async Task Align_FewSteps_TrainsTheJudgeAndThePolicy()
    {
        var output = Path.Combine(tiny.Root, "align");
        string[] stages = [.. ((string[])["stage1_", "stage2_"]).SelectMany(stage => (string[])
        [
            $"--{stage}max_steps", "2", $"--{stage}per_device_train_batch_size", "4", $"--{stage}gradient_accumulation_steps", "1",
            $"--{stage}template", "none", $"--{stage}gram_prompt", TinyModels.JudgeConfig.Prompt, $"--{stage}gram_candidate_labels", "[\" A\",\" B\"]",
        ])];

        var run = await GramProgram.RunAsync(tiny.Root, ["align", "--model", tiny.Policy, "--dataset", tiny.Prompts, "--eval_dataset", tiny.Prompts, "--judge_dataset", tiny.Pairs, "--judge_eval_dataset", tiny.Pairs, "--max_steps", "1", "--output_dir", output, "--json", .. stages, .. ShortPpo]);

        run.ExitCode.Should().Be(0, run.Error);
        run.Json["steps"]!.GetValue<int>().Should().Be(1);
        run.Json["judge"]!["count"]!.GetValue<int>().Should().Be(12);
        File.Exists(Path.Combine(output, "judge", "gram_config.json")).Should().BeTrue();
        File.Exists(Path.Combine(output, "model.safetensors")).Should().BeTrue();
        foreach (var folder in (string[])["", "judge-stage1", "judge"]) File.Exists(Path.Combine(output, folder, "report.html")).Should().BeTrue(folder);
    }

    private string[] PpoCommand(string folder, params string[] more) =>
        ["ppo", "--model", tiny.Policy, "--reward_model", tiny.Judge, "--dataset", tiny.Prompts, "--eval_dataset", tiny.Prompts, "--output_dir", Path.Combine(tiny.Root, folder), "--json", .. ShortPpo, .. more];

    private async Task<ProgramRun> PpoAsync(string folder, params string[] more)
    {
        var run = await GramProgram.RunAsync(tiny.Root, PpoCommand(folder, more));
        run.ExitCode.Should().Be(0, run.Error);
        return run;
    }

    /// <summary>A run's metrics, times, rates and memory apart.</summary>
    private string Numbers(string folder) => string.Join("\n", File.ReadAllLines(Path.Combine(tiny.Root, folder, "trainer_log.jsonl")).Select(line =>
    {
        var metrics = JsonNode.Parse(line)!.AsObject();
        foreach (var name in metrics.Select(pair => pair.Key).Where(name => name is "eps" || name.StartsWith("time/", StringComparison.Ordinal) || name.StartsWith("throughput/", StringComparison.Ordinal) || name.StartsWith("memory/", StringComparison.Ordinal)).ToList()) metrics.Remove(name);
        return metrics.ToJsonString();
    }));
}
