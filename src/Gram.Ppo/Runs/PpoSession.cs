using System.Diagnostics;
using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Models.Generation;
using Gram.Models.Tokenization;
using Gram.Models.Transformer;
using Gram.Ppo.Events;
using Gram.Ppo.Mathematics;
using Gram.Ppo.Records;
using Gram.Ppo.Rewards;
using Gram.Ppo.Stages;
using Gram.Training.Adapters;
using Gram.Training.Memory;
using Gram.Training.Optimisation;
using Gram.Training.Parallel;
using Gram.Training.Runs;
using static TorchSharp.torch;

namespace Gram.Ppo.Runs;

/// <summary>One run while it lasts: models, stages, state and folder, put together from the options.</summary>
internal sealed class PpoSession : IDisposable
{
    private const int Examples = 3;

    private readonly PpoOptions options;
    private readonly PpoEvents events;
    private readonly IProcessGroup group;
    private readonly Tokenizer tokenizer;
    private readonly RunModels models;
    private readonly RewardTerms terms;
    private readonly IReadOnlyList<PolicyPrompt> prompts, evalPrompts;
    private readonly AnswerText text;
    private readonly PairScoring scoring;
    private readonly SharedGenerator generator;
    private readonly RandomSource sampling, shuffling;
    private readonly PromptOrder order;
    private readonly LearnerStage learner;
    private readonly RewardStage rewards;
    private readonly EvaluationStage evaluation;
    private readonly RunHealth health = new();
    private readonly RunState state;
    private readonly RunFiles? files; // the leading process's
    private readonly PpoMemory memory;
    private readonly FreedMemory freed;
    private readonly string folder;
    private readonly string? checkpoint;
    private readonly SavedRollout? inFlight; // the checkpoint's
    private readonly int padToken, totalSteps, doneSteps;
    private readonly Stopwatch clock = Stopwatch.StartNew();
    private double lastKl, stepSeconds;

    /// <param name="run">What the run is given.</param>
    /// <param name="options">Its settings, checked, with the number of its processes.</param>
    /// <param name="events">What it publishes to.</param>
    public PpoSession(PpoRun run, PpoOptions options, PpoEvents events)
    {
        (this.options, this.events, group, folder) = (options, events, run.Group, Path.GetFullPath(options.OutputDir));
        tokenizer = Tokenizer.Load(options.Start.FolderOf(Tokenizer.FileName));
        var config = ModelConfig.Read(options.ModelNameOrPath);
        var renderer = new PromptRenderer(
            tokenizer, PromptRenderer.TemplateOf(options.Template, tokenizer), options.EnableThinking, run.JudgeConfig.TurnFormat, config.MaxPositionEmbeddings - options.MaxNewTokens);
        (prompts, evalPrompts) = (renderer.Render(run.Prompts, "training"), renderer.Render(run.EvalPrompts, "held-out"));
        JudgingStage.CheckReferences(options.Reference, prompts);
        var longest = prompts.Concat(evalPrompts).Max(prompt => prompt.Tokens.Length);
        PpoMemory MemoryOf(PpoOptions of) => PpoMemory.Of(of, longest, evalPrompts.Count, run.JudgeBytes, run.DType, run.Device);
        memory = MemoryOf(options);
        freed = new FreedMemory(memory.Total);
        if (options.MemoryCheck && run.FreeBytes is { } free && PpoMemory.Problem(options, MemoryOf, free) is { } problem)
        {
            throw new GramException($"{options.ModelNameOrPath}: {problem}");
        }
        terms = RewardTerms.Of(options, run.Rewards);
        try
        {
            models = new RunModels(options, run.DType, run.Device, run.Base, run.BaseName ?? options.ModelNameOrPath, group);
            totalSteps = options.MaxSteps > 0 ? options.MaxSteps : (int)Math.Ceiling(options.NumTrainEpochs * prompts.Count / options.PromptsPerStep);
            padToken = config.PadTokenId ?? (config.EosTokenIds is [var end, ..] ? end : 0);
            var endTokens = EndTokens.Of(config, options.StopTokens, tokenizer);
            if (endTokens.Count == 0) Say("the policy names no end token: every response will be cut at max_new_tokens", isWarning: true);

            // Every draw of the run comes from its seed, through a generator for each purpose.
            var root = new RandomSource(options.Seed);
            (sampling, shuffling) = (root.Fork(), root.Fork());
            order = new PromptOrder(prompts, root.Fork());
            text = new AnswerText(tokenizer, options.JudgedLines);
            scoring = new PairScoring(run.Judge, run.JudgeConfig, options.MarkerPenalty, group);
            generator = new SharedGenerator(new Models.Generation.Generator(models.Policy, endTokens, padToken), group);
            evaluation = new EvaluationStage(evalPrompts, scoring, run.Gold, generator, models.Policy, models.Reference, text, options, root.NextUInt64(), padToken, group);
            learner = new LearnerStage(models.Policy, models.Optimizer, models.Value, options, totalSteps, shuffling, events.Notices, group);
            var (kl, normaliser) = (new KlController(options.KlCoef, options.PpoTarget, options.KlHorizon), new RewardNormaliser());
            rewards = new RewardStage(options, kl, normaliser, run.Estimator);
            state = new RunState(options.Seed, order, sampling, shuffling, learner, kl, normaliser);

            // A checkpoint is known to load before anything of the folder is given up for it.
            checkpoint = group.FromLeader(group.Leads() ? RunDirectory.ResumeFrom(options.ResumeFromCheckpoint, options.OutputDir) : null);
            if (checkpoint is not null)
            {
                doneSteps = RunDirectory.GlobalStep(checkpoint);
                if (doneSteps > totalSteps) throw new GramException($"{checkpoint}: stands after step {doneSteps}, and this run ends with step {totalSteps}; raise max_steps or num_train_epochs, or name an earlier checkpoint");
                if (state.Load(RunDirectory.ReadState(checkpoint), checkpoint)) inFlight = RolloutFile.Load(checkpoint, prompts, options);
                models.Check(checkpoint);
            }
            group.Any(false); // all have read the checkpoint
            if (group.Leads()) files = new RunFiles(options, checkpoint, run.ConfigYaml, events.Notices);
            lastKl = files?.LoggedKl ?? 0;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public async Task<PpoResult> RunAsync(CancellationToken cancellationToken)
    {
        // Several processes stop together, between two steps: one that went alone would leave the others waiting for it.
        var (asked, together) = (cancellationToken, false);
        if (group.Size > 1) cancellationToken = CancellationToken.None;
        // The initial policy answers first: a resumed run makes the same answers again before it takes up its weights.
        var initialAnswers = options.Reference == Reference.Initial ? GreedyAnswers(prompts, cancellationToken) : [];
        evaluation.InitialAnswers = GreedyAnswers(evalPrompts, cancellationToken);
        Announce();
        if (checkpoint is not null) models.Load(checkpoint);

        var loop = new PpoLoop(
            new RolloutStage(models.Policy, generator, options, sampling),
            new JudgingStage(scoring, text, options.RewardFrom, options.Reference, initialAnswers, new TermScoring(terms.All, tokenizer, withReferences: options.Advantage == Advantage.Remax, group)),
            new TokenScoringStage(models.Policy, models.Reference, models.Value?.Model, options, padToken, group),
            rewards,
            learner,
            options.AsyncSteps,
            Started);
        var (step, before, last) = (doneSteps, state.Save(inFlight), (Evaluation?)null);
        try
        {
            await loop.RunAsync(doneSteps + 1, totalSteps, inFlight, Next, Finish, cancellationToken);
        }
        catch (OperationCanceledException) when (together || (group.Size == 1 && asked.IsCancellationRequested))
        {
            // Nothing was learnt since the last whole step: its state, taken before this step's draws, is where the run goes on, and
            // a rollout that was in flight then is part of it.
            files?.Finish(); // it may be the one that is being written
            if (group.Any(files?.HasCheckpoint(step) == false)) Save(step, before, beside: false);
            Say($"stopped after step {step}: {RunDirectory.LastGoodCheckpoint(folder)}; resume_from_checkpoint: true goes on from it");
            throw;
        }
        catch (RunStoppedException stopped) when (stopped.InnerException is null) // a full disk's says it all
        {
            files?.Finish();
            throw new RunStoppedException($"stopped at step {step + 1}: {stopped.Message}; {RunDirectory.LastGoodCheckpoint(folder)}", stopped);
        }
        files?.Finish();
        last ??= await Evaluate(step, cancellationToken);
        if (IsBeyond(last) && GoBack(step, last!.Kl) is { } kept) (step, last) = (kept, await Evaluate(kept, cancellationToken));
        Started(step, "save");
        files?.SaveFinal(step, state.Save(inFlight: null).State, SaveFinalModel);
        return Result(step, last);

        PromptBatch Next(int next)
        {
            together = group.Any(asked.IsCancellationRequested);
            if (together) throw new OperationCanceledException(asked);
            return order.Next(next, options.PromptsPerStep);
        }

        async Task<bool> Finish(StepDone done)
        {
            var current = done.Update.Experience.Scores.Rollout.Step;
            last = current == totalSteps || IsEvery(options.EvalSteps, current) ? await Evaluate(current, CancellationToken.None) : null;
            var isBeyond = IsBeyond(last); // no checkpoint then: a resumed run would go on from it
            RunStoppedException? stop = null;
            try
            {
                Report(done, last, current);
            }
            catch (RunStoppedException byWhoHeard) when (byWhoHeard.InnerException is null)
            {
                stop = byWhoHeard;
            }
            (step, before) = (current, state.Save(done.InFlight is { } rollout ? SavedRollout.Of(rollout) : null));
            if (group.Any(stop is not null))
            {
                // This step is whole, and is where the run goes on.
                if (!isBeyond) Save(current, before, beside: false);
                throw new RunStoppedException($"stopped after step {current}: {stop?.Message}; {RunDirectory.LastGoodCheckpoint(folder)}", stop ?? new RunStoppedException());
            }
            freed.Bound();
            files?.Look();
            if (!isBeyond && (IsEvery(options.SaveSteps, current) || (last is not null && options.MaxEvalKl is not null))) Save(current, before, options.BackgroundSave);
            return !isBeyond;
        }
    }

    public void Dispose()
    {
        files?.Dispose();
        models?.Dispose(); // the constructor, too, disposes what it has made
        terms.Dispose();
    }

    private async Task<Evaluation?> Evaluate(int step, CancellationToken cancellationToken)
    {
        if (evalPrompts.Count == 0) return null;
        Started(step, "evaluate");
        return await evaluation.EvaluateAsync(cancellationToken);
    }

    private bool IsBeyond(Evaluation? evaluated) => options.MaxEvalKl is { } limit && evaluated is not null && group.Any(evaluated.Kl > limit);

    private static bool IsEvery(int interval, int step) => interval > 0 && step % interval == 0;

    private IReadOnlyList<string> GreedyAnswers(IReadOnlyList<PolicyPrompt> of, CancellationToken cancellationToken) =>
        of.Count == 0 ? [] :
        [
            .. of.Zip(
                generator.Generate([.. of.Select(prompt => prompt.Tokens)], options.Sampling, greedy: true, samples: 0, new RandomSource(0), options.PerDeviceEvalBatchSize, cancellationToken: cancellationToken),
                (prompt, group) => text.Of(prompt, group.Greedy!)),
        ];

    private void Announce()
    {
        if (options.Resumes) Say(checkpoint is null ? $"nothing to resume in {folder}: from the beginning" : $"resumed from {checkpoint}, after step {doneSteps}");
        if (learner.FirstStepIsIdle) Say($"warm-up of {learner.WarmupSteps} optimiser steps: the first runs at rate 0, as in transformers");
        if (LearningRateSchedule.UnusedWarmup(options.LrSchedulerType, options.WarmupSteps) is { } unused) Say(unused, isWarning: true);
        if (options.FinetuningType == FinetuningType.Lora) Say(options.Lora.Describe(options.ModelNameOrPath));
        Say($"memory: {memory.Text()}");
    }

    private void Report(StepDone done, Evaluation? evaluated, int step)
    {
        lastKl = done.Update.Experience.MeanKl;
        stepSeconds += done.WallSeconds;
        var metrics = StepMetrics.Of(done.Update, done.Seconds, done.WallSeconds, evaluated);
        foreach (var notice in health.Check(step, metrics)) events.Notices.Publish(notice);
        if (!IsEvery(options.LoggingSteps, step) && evaluated is null && step != totalSteps) return;
        var samples = SamplesLogged.Of(done.Update, step);
        files?.Log(step, metrics, samples.Samples);
        events.Steps.Publish(new StepLogged("ppo", step, totalSteps, metrics) { StepsBefore = doneSteps, Elapsed = TimeSpan.FromSeconds(stepSeconds) });
        events.Samples.Publish(samples);
    }

    /// <summary>Saves a checkpoint: beside the run, or while it waits, then of one process without a copy.</summary>
    private void Save(int step, RunSnapshot snapshot, bool beside)
    {
        Started(step, "save");
        files?.Finish(); // before there is a second copy
        if (!beside && group.Size == 1)
        {
            files!.Save(step, snapshot, path =>
            {
                models.SavePolicy(path, tokenizer);
                models.SaveOptimizers(path);
            });
            return;
        }
        var copy = models.Snapshot(tokenizer);
        if (files is not null && beside)
        {
            files.SaveBeside(step, snapshot, copy);
            return;
        }
        using (copy) files?.Save(step, snapshot, copy.Save);
    }

    /// <summary>Takes up the weights of the last evaluation within max_eval_kl and returns its step; null where no checkpoint holds one, and the model stays as it is.</summary>
    private int? GoBack(int step, double kl)
    {
        var path = group.FromLeader(files?.CheckpointWithinBudget);
        var end = $"the run ends after step {step} of {totalSteps}: held-out samples are {kl:0.##} nats from the reference, above max_eval_kl {options.MaxEvalKl}; ";
        if (path is null)
        {
            Say(end + "there is no checkpoint of an evaluation within it, and the model stays as it is; set a lower eval_steps or learning_rate", isWarning: true);
            return null;
        }
        step = RunDirectory.GlobalStep(path);
        Say($"{end}the model is that of step {step}, the last that was evaluated within it");
        models.Load(path);
        state.Load(RunDirectory.ReadState(path), path);
        return step;
    }

    private void SaveFinalModel(string path)
    {
        models.SavePolicy(path, tokenizer);
        models.SaveValue(Path.Combine(path, "value_model"));
    }

    private PpoResult Result(int steps, Evaluation? last) => new()
    {
        Gold = last?.Gold is { } after ? new GoldChange(evaluation.InitialGold!, after) : null,
        WinRate = last is null ? null : new WinRates(last.WinRate, last.GoldWinRate),
        Kl = last?.Kl ?? lastKl,
        Steps = steps,
        Seconds = clock.Elapsed.TotalSeconds,
        Model = folder,
        Examples = last is null ? [] : [.. evalPrompts.Take(Examples).Select((prompt, i) => new AnswerChange(prompt.Question, evaluation.InitialAnswers[i], last.Answers[i]))],
    };

    private void Started(int step, string stage) => events.Stages.Publish(new StageStarted(step, totalSteps, stage));

    private void Say(string text, bool isWarning = false) => events.Notices.Publish(new Notice(text, isWarning));
}
