using Gram.Models;

namespace Gram.Reward.Training;

/// <summary>The evaluation that load_best_model_at_end goes by.</summary>
/// <param name="Step">The step after which it was made.</param>
/// <param name="Metric">What it measured.</param>
internal sealed record BestModel(int Step, double Metric)
{
    private const string Prefix = "eval_", Loss = "loss", Accuracy = "accuracy", Disagreement = "order_disagreement";

    /// <summary>Whether an evaluation beats the best so far (null: none); an equal one does not.</summary>
    public static bool Beats(GramTrainingOptions options, double metric, BestModel? best) =>
        double.IsFinite(metric) && (best is null || (Greater(options) ? metric > best.Metric : metric < best.Metric));

    /// <summary>The metric that the options name: without one the accuracy in stage 2, the loss in stage 1.</summary>
    /// <exception cref="GramException">The evaluation does not measure it.</exception>
    public static double Of(GramTrainingOptions options, GramEvaluation evaluation) => (Name(options) switch
    {
        Accuracy => evaluation.Accuracy,
        Disagreement => evaluation.OrderDisagreement,
        _ => evaluation.Loss,
    }) ?? throw new GramException($"metric_for_best_model: {Prefix}{Name(options)} is not measured on this evaluation data; eval_accuracy is for stage 2, eval_order_disagreement for pairs, eval_loss for rows that are no pairs");

    /// <summary>Refuses a metric that is not known.</summary>
    /// <exception cref="GramException">It is unknown.</exception>
    public static void Check(GramTrainingOptions options)
    {
        if (Name(options) is not (Loss or Accuracy or Disagreement))
            throw new GramException($"metric_for_best_model: {options.MetricForBestModel} is unknown; accepted: eval_loss, eval_accuracy, eval_order_disagreement");
    }

    private static bool Greater(GramTrainingOptions options) => options.GreaterIsBetter ?? Name(options) == Accuracy;

    private static string Name(GramTrainingOptions options)
    {
        var name = options.MetricForBestModel ?? (options.GramLoss ? Accuracy : Loss);
        return name.StartsWith(Prefix, StringComparison.Ordinal) ? name[Prefix.Length..] : name;
    }
}
