using Gram.Host.Commands;
using Gram.Host.Configuration;
using Gram.Models;
using Gram.Ppo;
using Gram.Reward.Training;
using Gram.Training.Adapters;
using Gram.Training.Optimisation;

namespace Gram.Host.Tests.Configuration;

/// <summary>The YAML files that users have, and those in configs/, are accepted as they are.</summary>
public sealed class PublishedConfigurationTests : IDisposable
{
    /// <summary>The keys that the published qwen3_fine_tuning_rm.yaml has, with its settings (gram.md names them).</summary>
    private const string FineTuning = """
        ### model
        model_name_or_path: models/qwen3
        trust_remote_code: true
        ### method
        stage: sft
        do_train: true
        finetuning_type: full
        deepspeed: examples/deepspeed/ds_z3_config.json
        gram_loss: true
        gram_candidate_labels: A,B
        gram_label_smoothing: 0.1
        ### dataset
        dataset: fine_tuning_rm
        template: qwen3
        cutoff_len: 2048
        max_samples: 1000000
        overwrite_cache: true
        preprocessing_num_workers: 16
        dataloader_num_workers: 4
        enable_thinking: false
        ### output
        output_dir: saves/qwen3
        logging_steps: 10
        save_strategy: epoch
        save_steps: 500
        plot_loss: true
        overwrite_output_dir: true
        save_only_model: false
        report_to: none
        ### train
        per_device_train_batch_size: 4
        gradient_accumulation_steps: 4
        learning_rate: 2.0e-5
        num_train_epochs: 2.0
        lr_scheduler_type: cosine
        warmup_ratio: 0.1
        bf16: true
        ddp_timeout: 180000000
        resume_from_checkpoint: null
        ### eval
        # eval_dataset: alpaca_en_demo
        val_size: 0.01
        per_device_eval_batch_size: 1
        eval_strategy: "no"
        """;

    private readonly TemporaryDirectory folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Train_PublishedYaml_IsReadWhole()
    {
        var options = Load("train", FineTuning).Get<GramTrainingOptions>();

        options.Should().BeEquivalentTo(new GramTrainingOptions
        {
            ModelNameOrPath = "models/qwen3",
            OutputDir = "saves/qwen3",
            Dataset = ["fine_tuning_rm"],
            Template = "qwen3",
            EnableThinking = false,
            CutoffLen = 2048,
            MaxSamples = 1_000_000,
            GramLoss = true,
            GramCandidateLabels = ["A", "B"],
            GramLabelSmoothing = 0.1,
            LoggingSteps = 10,
            SaveStrategy = IntervalStrategy.Epoch,
            SaveSteps = 500,
            OverwriteOutputDir = true,
            PerDeviceTrainBatchSize = 4,
            GradientAccumulationSteps = 4,
            LearningRate = 2e-5,
            NumTrainEpochs = 2,
            LrSchedulerType = LrSchedulerType.Cosine,
            WarmupRatio = 0.1,
            Bf16 = true,
            ValSize = 0.01,
            PerDeviceEvalBatchSize = 1,
            EvalStrategy = IntervalStrategy.No,
            PlotLoss = true,
            OverwriteCache = true,
        });
    }

    [Theory]
    [InlineData("finetuning_type: freeze", "'finetuning_type'*full, lora")]
    [InlineData("use_dora: true", "'use_dora: true' is not built")]
    [InlineData("stage: dpo", "'stage'*")]
    public void Train_ValueThatIsNotBuilt_IsAnError(string line, string message)
    {
        var load = () => Load("train", $"model_name_or_path: m\n{line}\n");

        load.Should().Throw<GramException>().WithMessage($"*{message}*");
    }

    [Fact]
    public void Train_LlamaFactorysLoraYaml_IsReadWhole()
    {
        var options = Load("train", """
            model_name_or_path: models/qwen3
            stage: sft
            do_train: true
            finetuning_type: lora
            lora_rank: 16
            lora_alpha: 64
            lora_dropout: 0.05
            lora_target: q_proj,v_proj
            additional_target: embed_tokens,lm_head
            use_rslora: true
            adapter_name_or_path: saves/earlier
            dataset: pairs
            packing: true
            neat_packing: true
            """).Get<GramTrainingOptions>();

        (options.FinetuningType, options.Packing, options.NeatPacking).Should().Be((FinetuningType.Lora, true, true));
        options.Lora.Should().BeEquivalentTo(new LoraOptions { AdapterNameOrPath = "saves/earlier", Rank = 16, Alpha = 64, Dropout = 0.05, Target = ["q_proj", "v_proj"], AdditionalTarget = ["embed_tokens", "lm_head"], UseRsLora = true });
    }

    [Fact]
    public void Train_LoraByDefault_TakesEveryLinearAtTwiceItsRank()
    {
        var shape = Load("train", "model_name_or_path: m\nfinetuning_type: lora\nlora_target: all\n").Get<GramTrainingOptions>().Lora.Shape();

        (shape.Rank, shape.Alpha, shape.TargetModules.IsAllLinear).Should().Be((8, 16, true));
    }

    [Fact]
    public void Export_LlamaFactorysMergeYaml_IsAccepted()
    {
        var settings = Load("export", """
            model_name_or_path: models/qwen3
            adapter_name_or_path: saves/lora
            template: qwen3
            trust_remote_code: true
            export_dir: merged
            export_size: 5
            export_device: cpu
            export_legacy_format: false
            """);

        settings.Get<ExportOptions>().Should().BeEquivalentTo(new ExportOptions { ModelNameOrPath = "models/qwen3", AdapterNameOrPath = "saves/lora", ExportDir = "merged" });
        settings.Notes.Should().HaveCount(4);
    }

    [Fact]
    public void Ppo_LlamaFactoryYaml_IsReadWhole()
    {
        var options = Load("ppo", """
            model_name_or_path: models/policy
            reward_model: models/judge
            stage: ppo
            do_train: true
            finetuning_type: full
            dataset: alpaca_en_demo,other
            cutoff_len: 2048
            bf16: true
            report_to: none
            ppo_buffer_size: 2
            ppo_epochs: 4
            ppo_score_norm: true
            ppo_target: 6.0
            ppo_whiten_rewards: false
            max_new_tokens: 512
            top_k: 0
            top_p: 0.9
            temperature: 0.7
            """).Get<PpoOptions>();

        options.Dataset.Should().Equal("alpaca_en_demo", "other");
        (options.PpoBufferSize, options.PpoEpochs, options.PpoScoreNorm, options.PpoTarget).Should().Be((2, 4, true, 6.0));
        (options.MaxNewTokens, options.TopK, options.TopP, options.Temperature).Should().Be((512, 0, 0.9, 0.7));
    }

    [Theory]
    [MemberData(nameof(Shipped))]
    public void ShippedConfig_ForItsCommand_IsAccepted(string name)
    {
        var path = Path.Combine(Repository.Root, "configs", name);
        var line = File.ReadLines(path).Select(line => line.Split(" -- ")).First(parts => parts.Length == 2 && parts[1].Contains("configs/", StringComparison.Ordinal))[1];
        var (command, words) = CommandTable.Find(line.Split(' '));

        RunStages.Load(command, CommandArguments.Parse([path, .. words.Skip(1)], command.Schema)).All.SelectMany(run => run.Notes).Should().BeEmpty("shipped files hold no keys without effect");
    }

    public static IEnumerable<object[]> Shipped => Directory.GetFiles(Path.Combine(Repository.Root, "configs"), "*.yaml").Select(path => new object[] { Path.GetFileName(path) });

    private Settings Load(string name, string yaml)
    {
        var file = folder.File("run.yaml");
        File.WriteAllText(file, yaml);
        var (command, _) = CommandTable.Find([name]);
        return new Settings(command.Schema, CommandArguments.Parse([file], command.Schema), command.Preset);
    }
}
