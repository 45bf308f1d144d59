using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Models.Transformer;
using Gram.Models.Transformer.Lora;
using Gram.Pipes.Events;
using Gram.Reward.Judging;
using Gram.Reward.Training;
using Gram.Training.Adapters;
using Gram.Training.Runs;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Reward.Tests.Training;

/// <summary>Runs that train an adapter and leave its base as it is.</summary>
public sealed class LoraTrainingTests : TrainerTests
{
    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public async Task Run_SeparablePreferences_AreLearnedByTheAdapterAlone(ScalarType dtype)
    {
        var options = Lora("run") with { MaxSteps = 80, LearningRate = 2e-2, EvalDataset = [Pairs("held-out", 20, first: 100)] };
        var before = File.ReadAllBytes(Path.Combine(options.ModelNameOrPath, "model.safetensors"));

        var result = await Run(options, dtype);

        result.Evaluation!.Accuracy.Should().BeGreaterThan(0.9);
        Losses().Last().Should().BeLessThan(0.7 * Losses().First());
        File.ReadAllBytes(Path.Combine(options.ModelNameOrPath, "model.safetensors")).Should().Equal(before);
    }

    [Fact]
    public async Task Run_Trained_IsAPeftAdapterThatFindsItsBase()
    {
        var options = Lora("run") with { MaxSteps = 2, SaveSteps = 1 };

        var result = await Run(options);

        foreach (var folder in (string[])[result.Model, Path.Combine(result.Model, "checkpoint-1"), Path.Combine(result.Model, "checkpoint-2")])
        {
            foreach (var file in (string[])["adapter_config.json", "adapter_model.safetensors", "tokenizer.json", "tokenizer_config.json", "gram_config.json"]) File.Exists(Path.Combine(folder, file)).Should().BeTrue($"{folder} holds {file}");
            foreach (var file in (string[])["model.safetensors", "config.json"]) File.Exists(Path.Combine(folder, file)).Should().BeFalse($"{file} is the base's");
        }
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(result.Model, "adapter_config.json")))!;
        (config["peft_type"]!.GetValue<string>(), config["r"]!.GetValue<int>(), config["lora_alpha"]!.GetValue<int>()).Should().Be(("LORA", 4, 8));
        config["base_model_name_or_path"]!.GetValue<string>().Should().Be(Path.GetFullPath(options.ModelNameOrPath));
        File.ReadAllText(Path.Combine(result.Model, "README.md")).Should().StartWith("---\nlibrary_name: peft\nbase_model: \"model\"\n").And.Contain("- lora\n").And.Contain("| adapter | lora of rank 4, alpha 8 on all linear layers:");
        using var judge = GramJudge.Load(result.Model);
        (await judge.ScoreAsync([new AnswerPair("q", "good", "bad")]))[0].ScoreA.Should().BeInRange(0, 1);
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public async Task Run_InterruptedAndResumed_IsBitForBitTheRunThatWasNot(ScalarType dtype)
    {
        var options = Lora("whole") with { MaxSteps = 8, SaveSteps = 100, EvalSteps = 2, EvalDataset = [Pairs("held-out", 4, first: 100)], GradientCheckpointing = true };
        options = options with { Lora = options.Lora with { Dropout = 0.3, AdditionalTarget = ["norm"] } };
        var whole = await Run(options, dtype);
        using CancellationTokenSource interrupt = new();
        using (steps.Subscribe(step =>
        {
            if (step.Step == 4) interrupt.Cancel();
        }))
        {
            await FluentActions.Awaiting(() => Run(options with { OutputDir = directory.File("parts") }, dtype, interrupt.Token)).Should().ThrowAsync<OperationCanceledException>();
        }

        var resumed = await Run(options with { OutputDir = directory.File("parts"), ResumeFromCheckpoint = "true" }, dtype);

        foreach (var file in (string[])["adapter_model.safetensors", "adapter_config.json", "trainer_log.jsonl", "trainer_state.json"])
        {
            File.ReadAllBytes(Path.Combine(resumed.Model, file)).Should().Equal(File.ReadAllBytes(Path.Combine(whole.Model, file)), file);
        }
    }

    [Fact]
    public async Task Run_Dropout_ChangesTheRunAndItsSeedGivesItAgain()
    {
        var options = Lora("plain") with { MaxSteps = 3, LearningRate = 1e-2 };
        var dropping = options with { Lora = options.Lora with { Dropout = 0.5 } };

        var plain = await Run(options);
        var first = await Run(dropping with { OutputDir = directory.File("first") });
        var second = await Run(dropping with { OutputDir = directory.File("second") });

        Weights(first).Should().Equal(Weights(second)).And.NotEqual(Weights(plain));
    }

    [Fact]
    public async Task Run_FromTheAdapterOfAStageBefore_TrainsItFurther()
    {
        var first = await Run(Lora("stage-1") with { GramLoss = false, Template = "chatml", MaxSteps = 3, LearningRate = 1e-2 });
        var options = Lora("stage-2") with { MaxSteps = 1 };
        options = options with { Lora = new LoraOptions { AdapterNameOrPath = first.Model, Rank = 16 } };

        var still = await Run(options with { LearningRate = 0 });
        var moved = await Run(options with { OutputDir = directory.File("moved"), LearningRate = 1e-2, WarmupRatio = 0 });

        Weights(still).Should().Equal(Weights(first), "rank and weights are the adapter's own");
        Weights(moved).Should().NotEqual(Weights(first));
        GramConfig.Read(moved.Model).Prompt.Should().Be(options.GramPrompt);
        await FluentActions.Awaiting(() => Run(options with { OutputDir = first.Model, OverwriteOutputDir = true })).Should().ThrowAsync<GramException>().WithMessage("*is the model that the run starts from*");
    }

    [Fact]
    public async Task Run_LoadBestModelAtEnd_IsTheAdapterOfTheBestEvaluation()
    {
        var result = await Run(Lora("run") with
        {
            GramLoss = false, Template = "chatml", ValSize = 4, MaxSteps = 6, LearningRate = 1e-2, EvalSteps = 2, SaveSteps = 100,
            LoadBestModelAtEnd = true, MetricForBestModel = "eval_loss", GreaterIsBetter = true, // learning lowers the loss: the greatest is an early one
        });

        Weights(result).Should().Equal(File.ReadAllBytes(Path.Combine(result.Model, "checkpoint-2", "adapter_model.safetensors")));
    }

    [Fact]
    public async Task Run_AdditionalTarget_IsTrainedWholeAndSavedWithTheAdapter()
    {
        var options = Lora("run") with { MaxSteps = 2, LearningRate = 1e-2 };

        var result = await Run(options with { Lora = options.Lora with { Target = ["q_proj", "v_proj"], AdditionalTarget = ["embed_tokens"] } });

        using var scope = NewDisposeScope();
        using var adapter = TensorStore.OpenFile(Path.Combine(result.Model, "adapter_model.safetensors"));
        using var model = TensorStore.OpenDirectory(options.ModelNameOrPath);
        adapter.Names.Should().HaveCount((2 * 2 * 2) + 1, "two blocks, two factors of two linears each, and the embedding");
        var (before, after) = (model.Load("model.embed_tokens.weight"), adapter.Load("base_model.model.model.embed_tokens.weight"));
        (after - before).abs().max().ToDouble().Should().BePositive();
    }

    [Fact]
    public async Task Run_OverAnEarlierWholeModel_LeavesNoneOfItsWeights()
    {
        await Run(Stage2("run") with { MaxSteps = 1 });

        var result = await Run(Lora("run") with { MaxSteps = 1, OverwriteOutputDir = true });

        File.Exists(Path.Combine(result.Model, "model.safetensors")).Should().BeFalse();
        using var model = CausalLM.Load(result.Model);
        model.Adapter!.Config.Rank.Should().Be(4);
    }

    [Fact]
    public async Task Run_TargetThatTheModelLacks_IsRefusedBeforeAnythingIsWritten()
    {
        var options = Lora("run");

        await FluentActions.Awaiting(() => Run(options with { Lora = options.Lora with { Target = ["c_attn"] } })).Should().ThrowAsync<GramException>().WithMessage("finetuning_type: lora: *c_attn*q_proj*");
        Directory.Exists(options.OutputDir).Should().BeFalse();
    }

    [Fact]
    public async Task Run_WholeModelThatDoesNotFit_IsAdvisedToTrainAnAdapter()
    {
        var whole = Stage2("run") with { MaxSteps = 1, GradientCheckpointing = true, PerDeviceTrainBatchSize = 1 };
        var adapter = new GramTrainer(whole with { FinetuningType = FinetuningType.Lora }, steps, notices).Preview();
        adapter.Adapter.Should().StartWith("lora of rank 8, alpha 16 on all linear layers: ");

        var run = () => new GramTrainer(whole, steps, notices) { FreeBytes = adapter.Memory.Total }.RunAsync();

        await run.Should().ThrowAsync<GramException>().WithMessage("*the run needs about * are free: set finetuning_type: lora (*");
        (await new GramTrainer(whole with { FinetuningType = FinetuningType.Lora }, steps, notices) { FreeBytes = adapter.Memory.Total }.RunAsync()).Steps.Should().Be(1);
    }

    [Fact]
    public async Task Run_EachStep_LeaksNoTensors()
    {
        List<long> live = [];
        using var subscription = steps.Subscribe(_ => live.Add(DisposeScopeManager.Statistics.ThreadTotalLiveCount));
        var options = Lora("run") with { MaxSteps = 4, EvalSteps = 1, EvalDataset = [Pairs("held-out", 4, first: 100)] };

        await Run(options with { Lora = options.Lora with { Dropout = 0.1 } });

        live.Skip(2).Should().AllBeEquivalentTo(live[^1]);
    }

    private GramTrainingOptions Lora(string run) => Stage2(run) with { FinetuningType = FinetuningType.Lora, Lora = new LoraOptions { Rank = 4 } };

    private static byte[] Weights(GramTrainingResult result) => File.ReadAllBytes(Path.Combine(result.Model, "adapter_model.safetensors"));
}
