using System.Diagnostics;
using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Training.Batches;
using Gram.Training.Runs;

namespace Gram.Reward.Training;

/// <summary>How far a run has come: with the optimiser's state and the seed, all that resuming needs.</summary>
internal sealed class TrainingProgress
{
    private double lossSum, windowSum;
    private int lossCount, windowCount;

    /// <summary>Optimiser steps done, skipped ones included.</summary>
    public int Step { get; private set; }

    /// <summary>Steps done before a checkpoint was taken up.</summary>
    public int StepsBefore { get; private init; }

    /// <summary>Runs while steps are made.</summary>
    public Stopwatch Clock { get; } = new();

    /// <summary>The last step after which the model was evaluated; 0 before any.</summary>
    public int EvaluatedStep { get; set; }

    /// <summary>The best evaluation so far; null where none counts.</summary>
    public BestModel? Best { get; set; }

    /// <summary>The last steps whose gradients were not finite.</summary>
    public int SkippedInARow { get; private set; }

    /// <summary>Mean loss of the steps that counted; null where none did.</summary>
    public double? TrainLoss => lossCount == 0 ? null : lossSum / lossCount;

    /// <summary>Counts a step.</summary>
    public void Add(double loss, double gradNorm)
    {
        Step++;
        var skipped = !double.IsFinite(gradNorm) || !double.IsFinite(loss);
        SkippedInARow = skipped ? SkippedInARow + 1 : 0;
        if (skipped) return;
        (lossSum, lossCount) = (lossSum + loss, lossCount + 1);
        (windowSum, windowCount) = (windowSum + loss, windowCount + 1);
    }

    /// <summary>Mean loss since it was last taken.</summary>
    public double TakeWindowLoss()
    {
        var mean = windowCount == 0 ? double.NaN : windowSum / windowCount;
        (windowSum, windowCount) = (0, 0);
        return mean;
    }

    /// <summary>What trainer_state.json holds of it.</summary>
    public JsonObject State(TrainingPlan plan, int examples, ulong seed)
    {
        var state = new JsonObject
        {
            ["max_steps"] = plan.TotalSteps,
            ["epoch"] = plan.EpochAfter(Step),
            ["steps_per_epoch"] = plan.StepsPerEpoch,
            ["examples"] = examples,
            ["seed"] = seed,
            ["evaluated_step"] = EvaluatedStep,
            ["loss_sum"] = lossSum,
            ["loss_count"] = lossCount,
            ["window_loss_sum"] = windowSum,
            ["window_loss_count"] = windowCount,
            ["skipped_in_a_row"] = SkippedInARow,
        };
        if (Best is { } best)
        {
            state["best_global_step"] = best.Step;
            state["best_metric"] = best.Metric;
        }
        return state;
    }

    /// <summary>Restores it from a checkpoint of the same run.</summary>
    /// <exception cref="GramException">The checkpoint is of other data, batches or another seed.</exception>
    public static TrainingProgress Read(string checkpoint, TrainingPlan plan, int examples, ulong seed)
    {
        var state = RunDirectory.ReadState(checkpoint);
        Same("examples", (ulong)examples);
        Same("steps_per_epoch", (ulong)plan.StepsPerEpoch);
        Same("seed", seed);
        return new()
        {
            Step = (int)Field("global_step"),
            StepsBefore = (int)Field("global_step"),
            EvaluatedStep = (int)Field("evaluated_step"),
            lossSum = (double)Field("loss_sum"),
            lossCount = (int)Field("loss_count"),
            windowSum = (double)Field("window_loss_sum"),
            windowCount = (int)Field("window_loss_count"),
            SkippedInARow = (int)Field("skipped_in_a_row"),
            Best = state["best_global_step"] is { } best ? new((int)best, (double)Field("best_metric")) : null,
        };

        JsonNode Field(string name) => state[name] ?? throw new GramException($"{checkpoint}: trainer_state.json lacks '{name}'; it is no checkpoint of GRAM training");

        void Same(string name, ulong expected)
        {
            if ((ulong)Field(name) is var saved && saved != expected) throw new GramException($"{checkpoint}: was trained with {name} {saved}, this run has {expected}; resume with the settings and data of the checkpoint");
        }
    }
}
