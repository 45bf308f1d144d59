using Gram.Models.Transformer;
using Gram.Pipes.Events;
using Gram.Ppo.Events;
using Gram.Ppo.Rewards;
using Gram.Reward.Data;
using Gram.Reward.Judging;
using Gram.Training.Runs;
using static TorchSharp.torch;

namespace Gram.Ppo.Tests.Support;

/// <summary>A small PPO run in a folder of its own, whose events are kept.</summary>
internal sealed class TestRun : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public TestRun() => Policy = TinyPolicy.Write(directory.File("policy"));

    public string Policy { get; }

    public LetterJudge Judge { get; } = new();

    public List<StepLogged> Steps { get; } = [];

    public List<Notice> Notices { get; } = [];

    public List<SamplesLogged> Samples { get; } = [];

    public List<StageStarted> Stages { get; } = [];

    public ScalarType DType { get; set; } = ScalarType.Float32;

    /// <summary>Called after each logged step.</summary>
    public Action<StepLogged>? OnStep { get; set; }

    /// <summary>Called when a stage begins.</summary>
    public Action<StageStarted>? OnStage { get; set; }

    public static IReadOnlyList<Prompt> Prompts { get; } = [.. new[] { "a b", "c", "d e f", "g h", "b c d", "e", "f g", "h a", "b", "c d e f" }.Select(text => new Prompt(text))];

    public static IReadOnlyList<Prompt> EvalPrompts { get; } = [.. new[] { "a c", "d", "e g h", "b d", "h", "f a" }.Select(text => new Prompt(text))];

    public string Output(string name) => directory.File(name);

    /// <summary>Small, quick options.</summary>
    public PpoOptions Options(string output = "run") => new()
    {
        ModelNameOrPath = Policy,
        OutputDir = Output(output),
        OverwriteOutputDir = true,
        MaxSteps = 2,
        PerDeviceTrainBatchSize = 2,
        GradientAccumulationSteps = 2,
        PpoBufferSize = 2,
        MaxNewTokens = 8,
        LearningRate = 1e-3,
        ValueLearningRate = 1e-3,
        WarmupRatio = 0,
        LrSchedulerType = Training.Optimisation.LrSchedulerType.Constant,
        Seed = 7,
    };

    /// <summary>Where what a run publishes is kept.</summary>
    public PpoEvents Events => new(
        Collect<StepLogged>(step =>
        {
            Steps.Add(step);
            OnStep?.Invoke(step);
        }),
        Collect<Notice>(Notices.Add), Collect<SamplesLogged>(Samples.Add), Collect<StageStarted>(stage =>
        {
            Stages.Add(stage);
            OnStage?.Invoke(stage);
        }));

    public PpoRun Run(PpoOptions options, bool evaluates = true, IReadOnlyList<Prompt>? prompts = null, long? freeBytes = null, IPairJudge? judge = null, CausalLM? over = null, IReadOnlyList<IReward>? rewards = null) =>
        new(options, judge ?? Judge, prompts ?? Prompts, evaluates ? EvalPrompts : [], Events, Judge) { DType = DType, FreeBytes = freeBytes, Base = over, Rewards = rewards ?? [] };

    public void Dispose() => directory.Dispose();

    private static EventBroker<T> Collect<T>(Action<T> add)
    {
        var broker = new EventBroker<T>();
        broker.Subscribe(add);
        return broker;
    }
}
