using Gram.Host.Configuration;
using Gram.Host.Demo;
using Gram.Host.Hosting;
using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Models.Tokenization;
using Gram.Models.Transformer;
using Gram.Pipes.Events;
using Gram.Ppo;
using Gram.Ppo.Events;
using Gram.Ppo.Rewards;
using Gram.Ppo.Stages;
using Gram.Reward.Data;
using Gram.Reward.Judging;
using Gram.Training.Runs;
using Gram.Training.Parallel;
using static TorchSharp.torch;

namespace Gram.Host.Commands;

/// <summary>What a policy is trained on and measured by.</summary>
/// <param name="Train">Training prompts.</param>
/// <param name="Eval">Held-out prompts.</param>
/// <param name="Gold">The task's own measure, where it has one.</param>
internal sealed record PromptTask(IReadOnlyList<Prompt> Train, IReadOnlyList<Prompt> Eval, IGoldMeasure? Gold)
{
    /// <summary>The data sets that the options name; demo is the embedded help desk, which has a gold measure of its own.</summary>
    /// <exception cref="GramException">No data set is named, one is wrong, or the gold measure cannot be loaded or has nothing to measure.</exception>
    public static PromptTask Of(PpoOptions options, IPublisher<Notice> notices)
    {
        if (options.Dataset.Count == 0) throw new GramException("--dataset is needed: names in dataset_info.json, a file of prompts, or demo");
        var sets = PromptSets.Of(options, names => !IsDemo(names) ? PromptSets.Read(options, names, notices)
            : [.. (ReferenceEquals(names, options.EvalDataset) ? DemoDefaults.EvalPrompts : DemoDefaults.Prompts).Take(options.MaxSamples ?? int.MaxValue)]);
        if (options.GoldPlugin is not null && sets.Eval.Count == 0) throw new GramException($"{GoldPlugin.Key} measures held-out answers, and no prompt is held out: set eval_dataset or val_size");
        return new(sets.Train, sets.Eval, GoldPlugin.Load(options.GoldPlugin) ?? (IsDemo(options.Dataset) && IsDemo(options.EvalDataset) ? DemoDefaults.Gold : null));
    }

    /// <summary>Finds what a run would find wrong with policy, prompts and the reward's terms, without the policy's weights; the options name directories.</summary>
    /// <exception cref="GramException">A file of the policy or a plug-in is missing or wrong, or a prompt cannot be rendered or is too long.</exception>
    public void Check(PpoOptions options)
    {
        var (config, tokenizer) = (ModelConfig.Read(options.ModelNameOrPath), Tokenizer.Load(options.Start.FolderOf(Tokenizer.FileName)));
        var renderer = new PromptRenderer(
            tokenizer, PromptRenderer.TemplateOf(options.Template, tokenizer), options.EnableThinking, GramConfig.Published.TurnFormat, config.MaxPositionEmbeddings - options.MaxNewTokens);
        var prompts = renderer.Render(Train, "training");
        renderer.Render(Eval, "held-out");
        JudgingStage.CheckReferences(options.Reference, prompts);
        RewardTerms.Of(options, []).Dispose();
    }

    /// <summary>A PPO run on this task; the options name directories.</summary>
    public PpoRun Run(PpoOptions options, IPairJudge judge, GramConfig judgeConfig, long judgeBytes, Engine engine, Settings settings, PpoEvents events, (CausalLM? Model, string Name) adapterBase, IProcessGroup group) =>
        new(options, judge, Train, Eval, events, Gold)
        {
            ConfigYaml = settings.ToYaml(),
            JudgeConfig = judgeConfig,
            JudgeBytes = judgeBytes,
            FreeBytes = engine.FreeBytes,
            Device = engine.Device,
            DType = DType(engine, settings),
            Base = adapterBase.Model,
            BaseName = adapterBase.Name,
            Group = group,
        };

    /// <summary>What a policy computes in.</summary>
    public static ScalarType DType(Engine engine, Settings settings) => engine.NamedDType ?? (settings.Get<RunOptions>().Bf16 ? ScalarType.BFloat16 : engine.TrainingDType);

    private static bool IsDemo(IReadOnlyList<string> datasets) => datasets is [DemoName.Text];
}
