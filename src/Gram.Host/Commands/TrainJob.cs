using System.Text;
using System.Text.Json.Nodes;
using Gram.Host.Configuration;
using Gram.Host.Hosting;
using Gram.Host.Reporting;
using Gram.Models;
using Gram.Pipes.Events;
using Gram.Reward.Training;
using Gram.Training.Adapters;
using Gram.Training.Runs;

namespace Gram.Host.Commands;

/// <summary>GRAM stage 1 or 2, or one after the other.</summary>
internal sealed class TrainJob(TrainOptions train, RunStages stages, Engine engine, ModelFinder models, IPublisher<StepLogged> steps, IPublisher<Notice> notices, ReportedRun reported) : IJob
{
    public async Task<JobResult> RunAsync(CancellationToken cancellationToken)
    {
        var runs = stages.All.Select(stage => (Options: stage.Get<GramTrainingOptions>(), Yaml: stage.ToYaml())).ToArray();
        CheckAdapters([.. runs.Select(run => run.Options)]);
        var (first, firstBase) = await models.FindAsync(runs[0].Options, cancellationToken);
        TrainingPreview[] previews = [.. runs[(train.DryRun ? 0 : 1)..].Select(run => Trainer(Beforehand(run.Options, first), firstBase, run.Yaml, train.DryRun ? notices : new Unheard()).Preview())];
        if (train.DryRun) return Report([.. previews.Select(TrainPreviewReport.Json)], [.. previews.Select(TrainPreviewReport.Text)]);

        var results = new List<GramTrainingResult>();
        foreach (var (options, yaml) in runs)
        {
            if (runs.Length > 1 && RunDirectory.Resumes(options.ResumeFromCheckpoint) && RunDirectory.IsFinished(options.OutputDir))
            {
                notices.Publish(new Notice($"{options.OutputDir} is finished: it is not trained again"));
                continue;
            }
            var (found, baseName) = await models.FindAsync(options, cancellationToken);
            results.Add(await reported.TrainAsync(found, () => Trainer(found, baseName, yaml, notices).RunAsync(cancellationToken)));
        }
        return Report([.. results.Select(Json)], [.. results.Select(Text)]);
    }

    /// <summary>A stage before the one that it follows has run: tokenizer, shape, adapter and judge prompt are those that the first starts with.</summary>
    private static GramTrainingOptions Beforehand(GramTrainingOptions options, GramTrainingOptions first) => options with
    {
        ModelNameOrPath = first.ModelNameOrPath,
        Lora = options.Lora with { AdapterNameOrPath = first.Lora.AdapterNameOrPath },
        GramPrompt = options.GramPrompt ?? first.GramPrompt,
    };

    /// <summary>Refuses a stage that would find an adapter where it needs a whole model.</summary>
    private static void CheckAdapters(IReadOnlyList<GramTrainingOptions> runs)
    {
        for (var i = 1; i < runs.Count; i++)
        {
            if (runs[i].FinetuningType == FinetuningType.Full && runs[i - 1].FinetuningType == FinetuningType.Lora && Path.GetFullPath(runs[i].ModelNameOrPath) == Path.GetFullPath(runs[i - 1].OutputDir))
                throw new GramException($"finetuning_type: stage {i + 1} trains a whole model, and stage {i} leaves an adapter: set lora in both, which then train the same adapter");
        }
    }

    private GramTrainer Trainer(GramTrainingOptions options, string baseName, string yaml, IPublisher<Notice> heard) =>
        new(options, steps, heard, engine.Device, engine.NamedDType) { ConfigYaml = yaml, BaseModel = baseName };

    /// <summary>The last run's report; of several, with all of them in it.</summary>
    private JobResult Report(IReadOnlyList<JsonObject> json, IReadOnlyList<string> texts)
    {
        if (json.Count == 0) return new JobResult(new() { ["model"] = stages.All[^1].Get<CommonOptions>().OutputDir }, $"finished before; model: {stages.All[^1].Get<CommonOptions>().OutputDir}");
        var last = (JsonObject)json[^1].DeepClone();
        if (stages.All.Count > 1) last["stages"] = new JsonArray([.. json]);
        return new JobResult(last, string.Join("\n", texts));
    }

    /// <summary>A later stage's notes come when its turn does.</summary>
    private sealed class Unheard : IPublisher<Notice>
    {
        public void Publish(Notice message) { }
    }

    private static JsonObject Json(GramTrainingResult result)
    {
        var json = new JsonObject { ["steps"] = result.Steps, ["train_loss"] = result.TrainLoss };
        if (result.Evaluation is { } evaluation)
        {
            json["eval"] = new JsonObject { ["count"] = evaluation.Count, ["accuracy"] = evaluation.Accuracy, ["order_disagreement"] = evaluation.OrderDisagreement, ["loss"] = evaluation.Loss };
        }
        json["seconds"] = result.Seconds;
        json["model"] = result.Model;
        return json;
    }

    private static string Text(GramTrainingResult result)
    {
        var text = new StringBuilder();
        text.AppendLine($"{result.Steps} steps in {result.Seconds:0} s, mean loss {result.TrainLoss:0.0000}");
        if (result.Evaluation is { Accuracy: { } accuracy } evaluation) text.AppendLine($"held out: {accuracy:0.000} of {evaluation.Count} right, order disagreement {evaluation.OrderDisagreement:0.000}");
        else if (result.Evaluation is { Loss: { } loss }) text.AppendLine($"held out: loss {loss:0.0000} on {result.Evaluation.Count} examples");
        text.AppendLine($"model: {result.Model}").AppendLine($"report: {Reporting.Report.PathIn(result.Model)}");
        return text.ToString();
    }
}
