using System.Text.Json;
using System.Text.Json.Nodes;
using Gram.Pipes.Events;
using Gram.Reward.Training;
using Gram.Training.Runs;
using TorchSharp;

namespace Gram.Reward.Tests.Training;

/// <summary>Whole runs of a tiny model on a few pairs, in a folder that goes with the test.</summary>
public abstract class TrainerTests : IDisposable
{
    private protected readonly TemporaryDirectory directory = new();
    private protected readonly EventBroker<StepLogged> steps = new();
    private protected readonly EventBroker<Notice> notices = new();
    private protected readonly List<StepLogged> logged = [];

    protected TrainerTests() => steps.Subscribe(logged.Add);

    public void Dispose()
    {
        directory.Dispose();
        GC.SuppressFinalize(this);
    }

    protected Task<GramTrainingResult> Run(GramTrainingOptions options, torch.ScalarType? dtype = null, CancellationToken cancellationToken = default) =>
        new GramTrainer(options, steps, notices, dtype: dtype).RunAsync(cancellationToken);

    protected double[] Losses() => [.. logged.Where(step => step.Metrics.ContainsKey("loss")).Select(step => step.Metrics["loss"])];

    /// <summary>24 pairs in steps of 8: 3 steps an epoch.</summary>
    protected GramTrainingOptions Stage2(string run) => new()
    {
        ModelNameOrPath = Directory.Exists(directory.File("model")) ? directory.File("model") : TinyCheckpoint.Create(directory.File("model")),
        OutputDir = directory.File(run),
        Dataset = [Pairs("pairs", 24)],
        DatasetDir = directory.Path,
        Template = "none",
        GramLoss = true,
        GramPrompt = "{question}\nA:{answer_a}\nB:{answer_b}\n>",
        PerDeviceTrainBatchSize = 4,
        GradientAccumulationSteps = 2,
        NumTrainEpochs = 1,
        LoggingSteps = 1,
        LearningRate = 1e-3,
    };

    /// <summary>A file of pairs whose preferred answer says "good".</summary>
    protected string Pairs(string name, int count, int first = 0)
    {
        var path = directory.File($"{name}.json");
        File.WriteAllText(path, JsonSerializer.Serialize(Enumerable.Range(first, count).Select(i => new JsonObject
        {
            ["prompt"] = $"item {i}?",
            ["chosen"] = $"{i} is good",
            ["rejected"] = $"{i} is bad",
        })));
        return path;
    }
}
