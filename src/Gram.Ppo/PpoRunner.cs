using Gram.Models;
using Gram.Models.Checkpoints.Hub;
using Gram.Models.Transformer.Lora;
using Gram.Pipes.Events;
using Gram.Ppo.Events;
using Gram.Ppo.Rewards;
using Gram.Reward.Judging;
using Gram.Reward.Serving;
using Gram.Training.Configuration;
using Gram.Training.Runs;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Gram.Ppo;

/// <summary>Runs PPO in an application: options, judge, events and further terms of the reward are its services.</summary>
/// <param name="options">The run's settings; models may be hub ids.</param>
/// <param name="compute">Device and dtype.</param>
/// <param name="judge">Who judges.</param>
/// <param name="rewards">Terms of the reward beside the judge.</param>
/// <param name="events">Where the run publishes.</param>
/// <param name="logger">Told what a person who watches would see.</param>
/// <param name="estimator">What compares a query's samples, if not RLOO's or GRPO's formula.</param>
/// <param name="served">The judge, where it is a GRAM checkpoint of the application's: its prompt is the run's.</param>
public sealed partial class PpoRunner(
    IOptions<PpoOptions> options, IOptions<ComputeOptions> compute, IPairJudge judge, IEnumerable<IReward> rewards, PpoEvents events, ILogger<PpoRunner> logger, IAdvantageEstimator? estimator = null, ServedJudge? served = null)
{
    /// <summary>Runs on the data sets that the options name.</summary>
    /// <inheritdoc cref="RunAsync(PromptSets, IGoldMeasure?, CancellationToken)" path="/exception"/>
    public Task<PpoResult> RunAsync(CancellationToken cancellationToken = default) => RunAsync(PromptSets.Load(options.Value, events.Notices), gold: null, cancellationToken);

    /// <summary>Runs on prompts. Cancelled, it writes a checkpoint, from which <c>resume_from_checkpoint: true</c> goes on.</summary>
    /// <param name="prompts">Training and held-out prompts.</param>
    /// <param name="gold">The task's own measure; only reported. Null: that of the options, if any.</param>
    /// <param name="cancellationToken">Stops after the update under way.</param>
    /// <exception cref="GramException">Settings, models or prompts are wrong.</exception>
    /// <exception cref="RunStoppedException">A guard, or a subscriber of the run's events, stopped the run.</exception>
    public async Task<PpoResult> RunAsync(PromptSets prompts, IGoldMeasure? gold = null, CancellationToken cancellationToken = default)
    {
        if (served is not null) await served.StartAsync(cancellationToken); // its prompt is known once it is loaded
        var found = await FindAsync(options.Value, cancellationToken);
        var device = compute.Value.Choose();
        var told = events with { Steps = new LoggedSteps(events.Steps, this), Notices = new LoggedNotices(events.Notices, this) };
        var run = new PpoRun(found, judge, prompts.Train, prompts.Eval, told, gold ?? GoldPlugin.Load(options.Value.GoldPlugin))
        {
            JudgeConfig = served?.Config ?? GramConfig.Published,
            Rewards = [.. rewards],
            Estimator = estimator,
            Device = device,
            DType = compute.Value.TrainingDType(device),
            BaseName = options.Value.ModelNameOrPath,
        };
        LogStarted(options.Value.ModelNameOrPath, prompts.Train.Count, prompts.Eval.Count, options.Value.OutputDir);
        try
        {
            var result = await run.RunAsync(cancellationToken);
            LogFinished(result.Steps, result.Seconds, result.Kl, result.Model);
            return result;
        }
        catch (Exception error) when (error is RunStoppedException or OperationCanceledException)
        {
            LogStopped(error.Message);
            throw;
        }
    }

    /// <summary>The settings with the models' directories in them.</summary>
    private static async Task<PpoOptions> FindAsync(PpoOptions options, CancellationToken cancellationToken)
    {
        var source = new ModelSource();
        var policy = await source.ResolveAsync(options.ModelNameOrPath, cancellationToken);
        if (LoraConfig.IsAdapter(policy)) throw new GramException($"{options.ModelNameOrPath} is an adapter: name its base as model_name_or_path, and the adapter as adapter_name_or_path with finetuning_type: lora");
        return options with
        {
            ModelNameOrPath = policy,
            RefModel = await ResolveAsync(options.RefModel),
            Lora = options.Lora with { AdapterNameOrPath = await ResolveAsync(options.Lora.AdapterNameOrPath) },
        };

        async Task<string?> ResolveAsync(string? name) => name is null ? null : await source.ResolveAsync(name, cancellationToken);
    }

    [LoggerMessage(EventId = 1, EventName = "RunStarted", Level = LogLevel.Information, Message = "PPO of {Model} begins: {Prompts} prompts, {HeldOut} held out, into {Folder}")]
    private partial void LogStarted(string model, int prompts, int heldOut, string folder);

    [LoggerMessage(EventId = 2, EventName = "StepDone", Level = LogLevel.Information, Message = "step {Step} of {Steps}: reward {Reward:0.000}, KL {Kl:0.00}")]
    private partial void LogStep(int step, int steps, double reward, double kl);

    [LoggerMessage(EventId = 3, EventName = "Notice", Message = "{Text}")]
    private partial void LogNotice(LogLevel level, string text);

    [LoggerMessage(EventId = 4, EventName = "RunFinished", Level = LogLevel.Information, Message = "{Steps} steps in {Seconds:0} s, KL {Kl:0.00}: {Model}")]
    private partial void LogFinished(int steps, double seconds, double kl, string model);

    [LoggerMessage(EventId = 5, EventName = "RunStopped", Level = LogLevel.Warning, Message = "the run stopped: {Reason}")]
    private partial void LogStopped(string reason);

    private sealed class LoggedSteps(IPublisher<StepLogged> steps, PpoRunner runner) : IPublisher<StepLogged>
    {
        public void Publish(StepLogged message)
        {
            var (reward, kl) = (message.Metrics.GetValueOrDefault("objective/scores", double.NaN), message.Metrics.GetValueOrDefault("objective/kl", double.NaN));
            runner.LogStep(message.Step, message.TotalSteps, reward, kl);
            steps.Publish(message);
        }
    }

    private sealed class LoggedNotices(IPublisher<Notice> notices, PpoRunner runner) : IPublisher<Notice>
    {
        public void Publish(Notice message)
        {
            runner.LogNotice(message.IsWarning ? LogLevel.Warning : LogLevel.Information, message.Text);
            notices.Publish(message);
        }
    }
}
