using System.Text;
using System.Text.Json.Nodes;
using Gram.Host.Configuration;
using Gram.Host.Hosting;
using Gram.Pipes.Events;
using Gram.Reward.Training;
using Gram.Training.Runs;

namespace Gram.Host.Commands;

/// <summary>GRAM stage 1 or 2.</summary>
internal sealed class TrainJob(GramTrainingOptions options, Settings settings, Engine engine, ModelFinder models, IPublisher<StepLogged> steps, IPublisher<Notice> notices) : IJob
{
    public async Task<JobResult> RunAsync(CancellationToken cancellationToken)
    {
        var found = options with { ModelNameOrPath = await models.PolicyAsync(options.ModelNameOrPath, cancellationToken) };
        var trainer = new GramTrainer(found, steps, notices, engine.Device, engine.NamedDType) { ConfigYaml = settings.ToYaml() };
        var result = await trainer.RunAsync(cancellationToken);
        return new JobResult(Json(result), Text(result));
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
        text.AppendLine($"model: {result.Model}");
        return text.ToString();
    }
}
