using System.Diagnostics;
using System.Runtime.ExceptionServices;
using System.Threading.Channels;
using Gram.Pipes;
using Gram.Ppo.Records;
using Gram.Ppo.Stages;

namespace Gram.Ppo;

/// <summary>
/// The stages of a PPO step, joined by pipes: each owns what it takes from its pipe and gives up what it puts into the next.
/// All run on the device's thread; one step is under way at a time, since the next rollout needs the new weights.
/// </summary>
internal sealed class PpoLoop(
    RolloutStage rollouts, JudgingStage judging, TokenScoringStage tokenScoring, RewardStage rewards, LearnerStage learner,
    Action<int, string> stageStarted)
{
    private readonly Dictionary<string, double> seconds = [];

    /// <summary>Wall time of each stage in the last step.</summary>
    public IReadOnlyDictionary<string, double> Seconds => seconds;

    /// <summary>Runs steps: takes prompts, hands each step's outcome to <paramref name="finish"/>, which also reports and saves.</summary>
    /// <param name="firstStep">1-based first step.</param>
    /// <param name="totalSteps">Last step.</param>
    /// <param name="next">The prompts of a step.</param>
    /// <param name="finish">What follows an update.</param>
    /// <param name="cancellationToken">Stops before the update; an update under way is finished.</param>
    public async Task RunAsync(int firstStep, int totalSteps, Func<int, PromptBatch> next, Func<Update, Task> finish, CancellationToken cancellationToken)
    {
        using var prompts = new Pipe<PromptBatch>(1);
        using var generated = new Pipe<Rollout>(1);
        using var judged = new Pipe<Judgement>(1);
        using var scored = new Pipe<ScoredRollout>(1);
        using var experiences = new Pipe<Experience>(1);
        using var updates = new Pipe<Update>(1);

        Task[] stages =
        [
            Stage("generate", prompts, generated, batch => batch.Step, batch => new(rollouts.Generate(batch, cancellationToken))),           // 1
            Stage("judge", generated, judged, rollout => rollout.Step, rollout => judging.JudgeAsync(rollout, cancellationToken)),           // 2
            Stage("score", judged, scored, judgement => judgement.Rollout.Step, judgement => new(tokenScoring.Score(judgement))),            // 3
            Stage("advantage", scored, experiences, rollout => rollout.Judgement.Rollout.Step, rollout => new(rewards.Credit(rollout))),     // 4, 5
            Stage("update", experiences, updates, experience => experience.Scores.Judgement.Rollout.Step, Learn),                            // 6
        ];
        try
        {
            for (var step = firstStep; step <= totalSteps; step++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                await prompts.WriteAsync(next(step), CancellationToken.None);
                using var update = await updates.ReadAsync(CancellationToken.None);
                PpoTelemetry.Count(seconds);
                await finish(update);                                                                                                        // 7
            }
        }
        catch (ChannelClosedException closed) when (closed.InnerException is { } cause)
        {
            ExceptionDispatchInfo.Throw(cause);
        }
        finally
        {
            prompts.Complete();
            await Task.WhenAll(stages);
        }

        ValueTask<Update> Learn(Experience experience)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return new(learner.Learn(experience));
        }
    }

    /// <summary>One stage: what it takes from a pipe becomes what it puts into the next. An error goes down the pipes to the loop.</summary>
    private async Task Stage<TIn, TOut>(string name, Pipe<TIn> input, Pipe<TOut> output, Func<TIn, int> stepOf, Func<TIn, ValueTask<TOut>> work)
    {
        try
        {
            await foreach (var item in input.ReadAllAsync())
            {
                try
                {
                    stageStarted(stepOf(item), name);
                    using var activity = PpoTelemetry.StartStage(name, stepOf(item));
                    var clock = Stopwatch.StartNew();
                    var result = await work(item);
                    seconds[name] = clock.Elapsed.TotalSeconds;
                    await output.WriteAsync(result);
                }
                catch
                {
                    (item as IDisposable)?.Dispose();
                    throw;
                }
            }
            output.Complete();
        }
        catch (Exception error)
        {
            output.Complete(error);
        }
    }
}
