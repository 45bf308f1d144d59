using System.Xml.Linq;
using Gram.Reward.Training;

namespace Gram.Host.Reporting;

/// <summary>What a training run's report shows: results, curves, the first examples as the model saw them, metrics.</summary>
internal static class TrainPage
{
    /// <summary>Metrics that belong into one picture.</summary>
    private static readonly (string Title, string Unit, string[] Metrics)[] Pictures =
    [
        ("Loss", "nats", ["loss", "eval_loss"]),
        ("Held-out accuracy", "share right", ["eval_accuracy"]),
        ("Held-out order disagreement", "mean |P_AB(A) − P_BA(A)|", ["eval_order_disagreement"]),
        ("Gradient norm", "before clipping", ["grad_norm"]),
        ("Learning rate", "rate", ["learning_rate"]),
    ];

    /// <summary>What there is to say of a run without a result.</summary>
    private static readonly (string Name, string Metric)[] Measures = [("loss, last", "loss"), ("held-out accuracy, last", "eval_accuracy"), ("held-out loss, last", "eval_loss"), ("epochs", "epoch")];

    /// <summary>Its sections.</summary>
    /// <param name="log">The run's metrics.</param>
    /// <param name="result">What it came to; null where it was stopped.</param>
    public static IEnumerable<XElement?> Sections(RunLog log, GramTrainingResult? result)
    {
        yield return Html.Section("Results", Html.Table("results", [], result is null ? log.Lasts(Measures) : Results(result)));
        yield return log.Curves(Pictures);
        yield return result is not { Examples.Count: > 0 } ? null : Html.Section("First examples",
            new XElement("p", "As the model saw them: what is marked is what it was trained to say."),
            new XElement("div", new XAttribute("id", "examples"), new XAttribute("class", "shown"), result.Examples.Select(Example)));
        yield return log.Metrics();
    }

    private static IEnumerable<string[]> Results(GramTrainingResult result)
    {
        yield return ["steps", $"{result.Steps}"];
        if (result.TrainLoss is { } loss) yield return ["mean training loss", Html.Number(loss)];
        if (result.Evaluation is { } evaluation)
        {
            yield return ["held-out pairs or rows", $"{evaluation.Count}"];
            if (evaluation.Accuracy is { } accuracy) yield return ["held-out accuracy", Html.Number(accuracy)];
            if (evaluation.OrderDisagreement is { } disagreement) yield return ["held-out order disagreement", Html.Number(disagreement)];
            if (evaluation.Loss is { } held) yield return ["held-out loss", Html.Number(held)];
        }
        yield return ["examples shortened to fit", $"{result.Shortened}"];
        yield return ["rows left out", $"{result.Dropped}"];
        yield return ["seconds (of the last process)", Html.Number(Math.Round(result.Seconds, 1))];
    }

    private static XElement Example(PreviewExample example) => new("figure",
        new XElement("figcaption", Html.Invariant($"{example.Tokens} tokens, {example.Trained} of them trained")),
        new XElement("p", new XAttribute("class", "text"), "", example.Parts.Select(part => part.IsTrained ? (object)new XElement("mark", Html.Excerpt(part.Text)) : Html.Excerpt(part.Text))));
}
