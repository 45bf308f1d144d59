namespace Gram.Reward.Training;

/// <summary>What held-out data say of a model.</summary>
/// <param name="Count">Examples or pairs.</param>
/// <param name="Accuracy">Share of pairs whose preferred answer scores higher (ties are wrong), or of rows whose label is the likelier; null in stage 1.</param>
/// <param name="OrderDisagreement">Mean of |P_AB("A") − P_BA("B")| over pairs; null where the data are not pairs.</param>
/// <param name="Loss">Mean loss as in training (per example in stage 2, per target token in stage 1); null for pairs.</param>
public sealed record GramEvaluation(int Count, double? Accuracy, double? OrderDisagreement, double? Loss);

/// <summary>Outcome of a training run.</summary>
/// <param name="Steps">Optimiser steps of the whole run.</param>
/// <param name="TrainLoss">Mean of the steps' losses; null where no step counted.</param>
/// <param name="Evaluation">Of the final model; null without evaluation data.</param>
/// <param name="Seconds">Wall-clock time of this process's part.</param>
/// <param name="Model">Directory of the trained model.</param>
/// <param name="Shortened">Examples whose answers were shortened to fit.</param>
/// <param name="Dropped">Examples left out.</param>
public sealed record GramTrainingResult(int Steps, double? TrainLoss, GramEvaluation? Evaluation, double Seconds, string Model, int Shortened, int Dropped)
{
    /// <summary>The first rows that it was trained on, as the model saw them.</summary>
    public IReadOnlyList<PreviewExample> Examples { get; init; } = [];
}
