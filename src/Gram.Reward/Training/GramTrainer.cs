using System.Diagnostics;
using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Models.Tokenization;
using Gram.Models.Transformer;
using Gram.Pipes;
using Gram.Pipes.Events;
using Gram.Reward.Encoding;
using Gram.Training.Batches;
using Gram.Training.Memory;
using Gram.Training.Optimisation;
using Gram.Training.Runs;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Reward.Training;

/// <summary>
/// Trains a GRAM judge: stage 1 (next tokens of both answers) or stage 2 (the label). All of its tensor work happens on one
/// thread of its own.
/// </summary>
/// <param name="options">The run.</param>
/// <param name="steps">Told of every logged step.</param>
/// <param name="notices">Told of what a person should know.</param>
/// <param name="device">Where the model is; the CPU unless given.</param>
/// <param name="dtype">What is computed in; null = bfloat16 where the options ask for it or the device is CUDA, else float32.</param>
public sealed class GramTrainer(GramTrainingOptions options, IPublisher<StepLogged> steps, IPublisher<Notice> notices, Device? device = null, ScalarType? dtype = null)
{
    private const string Job = "train";

    /// <summary>What a subscriber of the steps ends the run with.</summary>
    private RunStoppedException? askedToStop;

    /// <summary>The complete configuration, written to config.yaml of the run directory.</summary>
    public string? ConfigYaml { get; init; }

    /// <summary>The model's name for others: what an adapter and the model card say their base is. A hub id, where its directory is the cache's; the directory unless given.</summary>
    public string? BaseModel { get; init; }

    /// <summary>Memory that the run may take, in bytes: what the device has free, unless given; null (the device does not say) = not checked.</summary>
    public long? FreeBytes { get; init; } = FreeMemory.Of(device ?? CPU);

    // bfloat16 only where it was asked for or the device is made for it.
    private ScalarType ComputeDType => dtype ?? (options.Bf16 || device?.type == DeviceType.CUDA ? ScalarType.BFloat16 : ScalarType.Float32);

    /// <summary>What the run would do: its data, steps and memory. Nothing is trained or written.</summary>
    /// <exception cref="GramException">An option, a file or a row is wrong.</exception>
    public TrainingPreview Preview()
    {
        using var input = TrainingInput.Load(options, notices);
        return TrainingPreview.Of(options, input, TrainingMemory.Of(options, input.Longest, ComputeDType, device),
            FreeBytes is { } free ? TrainingMemory.Problem(options, input.Longest, ComputeDType, device, free) : null);
    }

    /// <summary>Trains and writes the model. Cancelled, it writes a checkpoint and throws OperationCanceledException.</summary>
    /// <exception cref="GramException">An option, a file or a row is wrong.</exception>
    /// <exception cref="RunStoppedException">A guard stopped the run.</exception>
    public Task<GramTrainingResult> RunAsync(CancellationToken cancellationToken = default) => DeviceThread.RunAsync(() => Train(cancellationToken));

    private async Task<GramTrainingResult> Train(CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();

        // 1. Everything that can be wrong with the input is found before anything is written.
        var resume = RunDirectory.ResumeFrom(options.ResumeFromCheckpoint, options.OutputDir);
        var findsNothing = resume is null && RunDirectory.Resumes(options.ResumeFromCheckpoint);
        if (findsNothing) notices.Publish(new Notice($"{options.OutputDir} holds no checkpoint: training from the beginning"));
        using var input = TrainingInput.Load(options, notices);
        var (tokenizer, examples, rows, plan, random) = input;
        var (order, start, dropout) = (random.Fork(), random.Fork(), random.NextUInt64());
        var progress = resume is null ? new TrainingProgress() : TrainingProgress.Read(resume, plan, examples.Train.Count, options.Seed);
        if (FreeBytes is { } free) TrainingMemory.Check(options, input.Longest, ComputeDType, device, free);

        // 2. The model, whole or as an adapter, and its float32 moments.
        using var trained = new TrainedModel(options, BaseModel ?? options.ModelNameOrPath, ComputeDType, device, start);
        var model = trained.Model;
        model.SetTrainable(true);
        model.GradientCheckpointing = options.GradientCheckpointing;
        using var optimiser = new AdamW(model.Parameters, new AdamWOptions
        {
            Beta1 = options.AdamBeta1,
            Beta2 = options.AdamBeta2,
            Epsilon = options.AdamEpsilon,
            WeightDecay = options.WeightDecay,
            MaxGradNorm = options.MaxGradNorm,
            HasEightBitMoments = AdamWOptions.IsEightBit(options.Optim),
        }, trained.Masters);
        if (resume is not null) optimiser.Load(resume);
        model.WeightsChanged();

        // 3. The loop: one optimiser step at a time, over examples that the seed and the step determine.
        TrainingObjective objective = options.GramLoss ? new LabelObjective(examples.LabelIds, options.GramLabelSmoothing) : new NextTokenObjective();
        var evaluator = new GramEvaluator(model, tokenizer, examples, objective, options.PerDeviceEvalBatchSize);
        var sampler = new EpochSampler(rows.Count, options.PerDeviceTrainBatchSize * options.GradientAccumulationSteps, order, options.GroupByLength ? rows.Lengths : null);
        using var run = RunDirectory.Open(options.OutputDir, resume, options.OverwriteOutputDir || findsNothing, options.Start.Directory, options.Start.Adapter);
        if (progress.Best is { } kept && !Directory.Exists(run.CheckpointOf(kept.Step))) progress.Best = null; // it lies in the folder that the run came from
        if (ConfigYaml is not null) run.WriteConfig(ConfigYaml);
        run.Guard(() => examples.WriteRecord(run.Path));
        notices.Publish(new Notice(
            $"{(options.GramLoss ? "stage 2" : "stage 1")}: {examples.Train.Count} examples{(rows.ArePacked ? $" packed into {rows.Count} rows" : "")}, {plan.TotalSteps} steps of {options.PerDeviceTrainBatchSize} × {options.GradientAccumulationSteps}" +
            (plan.WarmupSteps > 0 && options.LrSchedulerType != LrSchedulerType.Constant ? $"; warm-up of {plan.WarmupSteps}, whose first step runs at rate 0" : "")));
        if (LearningRateSchedule.UnusedWarmup(options.LrSchedulerType, options.WarmupSteps) is { } unused) notices.Publish(new Notice(unused, IsWarning: true));
        if (TrainedModel.Describe(options) is { } adapter) notices.Publish(new Notice(adapter));
        var memory = TrainingMemory.Of(options, input.Longest, ComputeDType, device);
        var freed = new FreedMemory(memory.Total);
        notices.Publish(new Notice($"memory: {TrainingMemory.Text(memory)}"));
        GramEvaluation? evaluation;
        try
        {
            if (await EvaluateIfDue()) SaveCheckpoint(); // where the run was interrupted in the middle of it
            while (progress.Step < plan.TotalSteps)
            {
                progress.Clock.Start();
                var rate = LearningRateSchedule.At(options.LrSchedulerType, options.LearningRate, progress.Step, plan.TotalSteps, plan.WarmupSteps);
                model.DropoutRandom = new RandomSource(dropout + (ulong)progress.Step); // a resumed run drops the same
                var loss = Accumulate(model, optimiser, objective, [.. sampler.At(progress.Step).Select(row => rows[row])], cancellationToken);
                var gradNorm = optimiser.Step(rate);
                model.WeightsChanged();
                progress.Add(loss, gradNorm);
                freed.Bound();
                progress.Clock.Stop();
                Guard(progress, run);

                if (progress.Step == plan.TotalSteps || progress.Step % options.LoggingSteps == 0)
                {
                    Log(run, progress, plan, new Dictionary<string, double>
                    {
                        ["loss"] = progress.TakeWindowLoss(),
                        ["grad_norm"] = gradNorm,
                        ["learning_rate"] = rate,
                        ["epoch"] = plan.EpochAfter(progress.Step),
                    });
                }
                var isBest = await EvaluateIfDue();
                if (isBest || IsDue(options.SaveStrategy, options.SaveSteps)) SaveCheckpoint();
            }

            // 4. What it learned, on data that it was not trained on; then the model as others load it.
            evaluation = await Evaluate(evaluator, run, progress, plan, cancellationToken);
            if (options.LoadBestModelAtEnd && !IsBest(evaluation!) && progress.Best is { } best)
            {
                optimiser.Load(run.CheckpointOf(best.Step));
                model.WeightsChanged();
                evaluation = await evaluator.EvaluateAsync(cancellationToken);
                notices.Publish(new Notice($"the model is that of step {best.Step}, the best evaluation (load_best_model_at_end)"));
            }
        }
        catch (OperationCanceledException)
        {
            if (progress.Step > 0) SaveCheckpoint();
            throw;
        }
        catch (RunStoppedException stopped) when (stopped == askedToStop)
        {
            SaveCheckpoint(); // the step is whole, and is where the run goes on
            throw new RunStoppedException($"stopped after step {progress.Step}: {stopped.Message}; {RunDirectory.LastGoodCheckpoint(run.Path)}", stopped);
        }

        var result = new GramTrainingResult(progress.Step, progress.TrainLoss, evaluation, clock.Elapsed.TotalSeconds, run.Path, examples.Shortened, examples.Dropped)
        {
            Examples = TrainingPreview.First(options, input),
        };
        run.SaveFinal(progress.Step, progress.State(plan, examples.Train.Count, options.Seed), directory =>
        {
            SaveModel(directory);
            var plots = options.PlotLoss ? LossPlot.Write(directory, run) : [];
            ModelCard.Write(directory, options, BaseModel ?? options.ModelNameOrPath, result, plan, plots);
        });
        return result;

        bool IsDue(IntervalStrategy strategy, int interval) => strategy switch
        {
            IntervalStrategy.Steps => progress.Step % interval == 0,
            IntervalStrategy.Epoch => progress.Step % plan.StepsPerEpoch == 0,
            _ => false,
        };

        // Whether the evaluation was the best so far, and is to be kept.
        async Task<bool> EvaluateIfDue()
        {
            if (progress.Step == progress.EvaluatedStep || progress.Step == plan.TotalSteps || !IsDue(options.Evaluates, options.EvalSteps ?? options.LoggingSteps)) return false;
            var measured = await Evaluate(evaluator, run, progress, plan, cancellationToken);
            progress.EvaluatedStep = progress.Step;
            return options.LoadBestModelAtEnd && IsBest(measured!);
        }

        bool IsBest(GramEvaluation measured)
        {
            var metric = BestModel.Of(options, measured);
            if (!BestModel.Beats(options, metric, progress.Best)) return false;
            progress.Best = new(progress.Step, metric);
            return true;
        }

        void SaveCheckpoint() => run.SaveCheckpoint(progress.Step, progress.State(plan, examples.Train.Count, options.Seed), directory =>
        {
            SaveModel(directory);
            optimiser.Save(directory);
        }, options.SaveTotalLimit, progress.Best?.Step);

        void SaveModel(string directory)
        {
            model.Save(directory, tokenizer, maxShardSize: options.MaxShardSize);
            examples.Judge.Write(directory);
        }
    }

    /// <summary>
    /// Forward and backward of an optimiser step. Rows of like length share a micro-batch, which changes nothing but the
    /// padding: each loss is divided by what the whole step counts.
    /// </summary>
    /// <returns>The step's mean loss.</returns>
    private double Accumulate(CausalLM model, AdamW optimiser, TrainingObjective objective, IReadOnlyList<TrainingExample[]> rows, CancellationToken cancellationToken)
    {
        using var scope = NewDisposeScope();
        var weight = Math.Max(1, rows.Sum(row => row.Sum(objective.Weight)));
        var total = zeros([], dtype: ScalarType.Float32, device: model.Device);
        foreach (var micro in rows.OrderBy(row => row.Sum(example => example.Ids.Length)).Chunk(options.PerDeviceTrainBatchSize))
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var loss = objective.Backward(model, micro, 1.0 / weight);
            optimiser.Accumulate();
            total.add_(loss);
        }
        return total.ToDouble() / weight;
    }

    private void Guard(TrainingProgress progress, RunDirectory run)
    {
        if (progress.SkippedInARow == 0) return;
        notices.Publish(new Notice($"step {progress.Step}: the gradient is not finite; the step is skipped ({progress.SkippedInARow} in a row)", IsWarning: true));
        if (progress.SkippedInARow < options.MaxSkippedSteps) return;
        throw new RunStoppedException($"{progress.SkippedInARow} steps in a row had gradients that are not finite (max_skipped_steps); {RunDirectory.LastGoodCheckpoint(run.Path)}; try a lower learning_rate");
    }

    private async Task<GramEvaluation?> Evaluate(GramEvaluator evaluator, RunDirectory run, TrainingProgress progress, TrainingPlan plan, CancellationToken cancellationToken)
    {
        if (await evaluator.EvaluateAsync(cancellationToken) is not { } evaluation) return null;
        var metrics = new Dictionary<string, double>();
        if (evaluation.Loss is { } loss) metrics["eval_loss"] = loss;
        if (evaluation.Accuracy is { } accuracy) metrics["eval_accuracy"] = accuracy;
        if (evaluation.OrderDisagreement is { } disagreement) metrics["eval_order_disagreement"] = disagreement;
        metrics["epoch"] = plan.EpochAfter(progress.Step);
        Log(run, progress, plan, metrics);
        return evaluation;
    }

    private void Log(RunDirectory run, TrainingProgress progress, TrainingPlan plan, Dictionary<string, double> metrics)
    {
        run.Log(progress.Step, metrics);
        try
        {
            steps.Publish(new StepLogged(Job, progress.Step, plan.TotalSteps, metrics) { StepsBefore = progress.StepsBefore, Elapsed = progress.Clock.Elapsed });
        }
        catch (RunStoppedException asked)
        {
            askedToStop = asked;
            throw;
        }
    }
}
