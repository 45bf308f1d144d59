using System.Text.Json.Nodes;

namespace Gram.EndToEnd.Tests;

/// <summary>Adapters that train makes, and what other commands do with them.</summary>
[Collection(ProgramTests.Name)]
public sealed class LoraTrainingTests(TinyModels tiny) : IDisposable
{
    private readonly TemporaryDirectory folder = new();

    private string[] Judging => ["--template", "none", "--gram_prompt", TinyModels.JudgeConfig.Prompt, "--gram_candidate_labels", "[\" A\",\" B\"]"];

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Train_TwoStages_TrainOneAdapterThatJudgesAloneOverItsBaseAndMerged()
    {
        var yaml = Write("stages.yaml",
            $"- {{model_name_or_path: {tiny.Policy}, dataset: {tiny.Pairs}, finetuning_type: lora, lora_rank: 4, packing: true, max_steps: 1, learning_rate: 1e-2, warmup_ratio: 0}}",
            $"- {{dataset: {tiny.Pairs}, eval_dataset: {tiny.Pairs}, gram_loss: true, finetuning_type: lora, lora_dropout: 0.1, max_steps: 2, learning_rate: 1e-2, warmup_ratio: 0}}");
        string[] command = ["train", yaml, "--output_dir", folder.File("run"), .. Judging, "--logging_steps", "1", "--cutoff_len", "160", "--json"];

        var dry = await RunAsync([.. command, "--dry_run"]);
        var run = await RunAsync(command);

        dry["stages"]![1]!["adapter"]!.GetValue<string>().Should().StartWith("lora of rank 8", "its own shape is not known before the first stage has run");
        dry["stages"]![0]!["packed_rows"]!.GetValue<int>().Should().BeLessThan(12);
        var (first, second) = (folder.File("run/stage-1"), run["model"]!.GetValue<string>());
        foreach (var (stage, rank) in new[] { (first, 4), (second, 4) })
        {
            var config = JsonNode.Parse(File.ReadAllText(Path.Combine(stage, "adapter_config.json")))!;
            config["base_model_name_or_path"]!.GetValue<string>().Should().Be(tiny.Policy);
            config["r"]!.GetValue<int>().Should().Be(rank, "the second stage trains the first one's adapter");
        }
        File.ReadAllBytes(Path.Combine(second, "adapter_model.safetensors")).Should().NotEqual(File.ReadAllBytes(Path.Combine(first, "adapter_model.safetensors")));
        var merge = Write("merge.yaml", $"model_name_or_path: {tiny.Policy}", $"adapter_name_or_path: {second}", "template: none", $"export_dir: {folder.File("merged")}", "export_size: 5", "export_legacy_format: false");
        (await RunAsync("export", merge, "--json"))["model"]!.GetValue<string>().Should().Be(folder.File("merged"));

        var merged = await ScoresAsync("--reward_model", folder.File("merged"));
        var alone = await ScoresAsync("--reward_model", second);
        var apart = await ScoresAsync("--reward_model", tiny.Policy, "--reward_model_adapters", second);

        alone.Should().Equal(apart);
        alone.Zip(merged, (a, b) => Math.Abs(a - b)).Max().Should().BeLessThan(1e-5);
        var eval = await RunAsync("eval", "pairs", "--reward_model", second, "--dataset", tiny.Pairs, "--output_dir", folder.File("eval"), "--json");
        eval["count"]!.GetValue<int>().Should().Be(12);
    }

    [Fact]
    public async Task Train_FromAnAdapterHoweverNamed_GoesOnWithIt()
    {
        string[] common = ["--dataset", tiny.Pairs, "--gram_loss", .. Judging, "--finetuning_type", "lora", "--max_steps", "1", "--warmup_ratio", "0", "--learning_rate", "1e-2", "--json"];
        var first = (await RunAsync(["train", "--model", tiny.Policy, .. common, "--lora_target", "q_proj,v_proj", "--output_dir", folder.File("first")]))["model"]!.GetValue<string>();

        var alone = (await RunAsync(["train", "--model", first, .. common, "--output_dir", folder.File("alone")]))["model"]!.GetValue<string>();
        var apart = (await RunAsync(["train", "--model", tiny.Policy, "--adapter_name_or_path", first, .. common, "--output_dir", folder.File("apart")]))["model"]!.GetValue<string>();

        foreach (var file in (string[])["adapter_model.safetensors", "adapter_config.json"])
            File.ReadAllBytes(Path.Combine(apart, file)).Should().Equal(File.ReadAllBytes(Path.Combine(alone, file)), file);
    }

    [Fact]
    public async Task Train_WholeModelAfterAnAdapter_IsRefusedBeforeTheFirstTrains()
    {
        var yaml = Write("mixed.yaml", $"- {{model_name_or_path: {tiny.Policy}, dataset: {tiny.Pairs}, finetuning_type: lora, max_steps: 1}}", $"- {{dataset: {tiny.Pairs}, gram_loss: true, max_steps: 1}}");

        var run = await GramProgram.RunAsync(tiny.Root, ["train", yaml, "--output_dir", folder.File("never"), .. Judging]);

        run.ExitCode.Should().Be(2);
        run.ErrorLine.Should().Contain("stage 2 trains a whole model, and stage 1 leaves an adapter");
        Directory.Exists(folder.File("never")).Should().BeFalse();
    }

    [Fact]
    public async Task Train_WholeModelWithAnAdapterNamed_IsRefused()
    {
        var run = await GramProgram.RunAsync(tiny.Root, ["train", "--model", tiny.Policy, "--adapter_name_or_path", "some/adapter", "--dataset", tiny.Pairs, "--gram_loss", .. Judging, "--output_dir", folder.File("never")]);

        run.ExitCode.Should().Be(2);
        run.ErrorLine.Should().Contain("adapter_name_or_path: some/adapter").And.Contain("set finetuning_type: lora");
    }

    [Fact]
    public async Task Ppo_PolicyAndJudgeOverOneModel_AreAdaptersOfIt()
    {
        var judge = (await RunAsync(["train", "--model", tiny.Policy, "--dataset", tiny.Pairs, "--gram_loss", .. Judging, "--finetuning_type", "lora", "--max_steps", "1", "--warmup_ratio", "0", "--learning_rate", "1e-2", "--output_dir", folder.File("judge"), "--json"]))["model"]!.GetValue<string>();
        var copy = Directory.CreateDirectory(folder.File("copy")).FullName; // of the base, so that there is nothing to share
        foreach (var file in Directory.GetFiles(tiny.Policy)) File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        string[] Command(string output, params string[] reward) =>
        [
            "ppo", "--model", tiny.Policy, "--finetuning_type", "lora", "--lora_rank", "4", .. reward, "--dataset", tiny.Prompts, "--eval_dataset", tiny.Prompts, "--max_steps", "2", "--max_new_tokens", "8",
            "--per_device_train_batch_size", "2", "--ppo_buffer_size", "2", "--learning_rate", "1e-2", "--warmup_ratio", "0", "--output_dir", folder.File(output), "--json",
        ];

        var shared = (await RunAsync(Command("shared", "--reward_model", judge)))["model"]!.GetValue<string>();
        var apart = (await RunAsync(Command("apart", "--reward_model", copy, "--reward_model_adapters", judge)))["model"]!.GetValue<string>();

        File.ReadAllBytes(Path.Combine(shared, "adapter_model.safetensors")).Should().Equal(File.ReadAllBytes(Path.Combine(apart, "adapter_model.safetensors")));
        var answer = await GramProgram.RunAsync(tiny.Root, "generate", "--model", shared, "--prompt", "My router is broken.", "--max_new_tokens", "4");
        answer.ExitCode.Should().Be(0, answer.Error);
    }

    private async Task<double[]> ScoresAsync(params string[] judge) =>
        [.. (await RunAsync(["judge", .. judge, "--input", tiny.Pairs, "--dtype", "float32", "--json"]))["pairs"]!.AsArray().Select(pair => pair!["score_chosen"]!.GetValue<double>())];

    private async Task<JsonNode> RunAsync(params string[] args)
    {
        var run = await GramProgram.RunAsync(tiny.Root, args);
        run.ExitCode.Should().Be(0, run.Error);
        return run.Json;
    }

    private string Write(string name, params string[] lines)
    {
        File.WriteAllLines(folder.File(name), lines);
        return folder.File(name);
    }
}
