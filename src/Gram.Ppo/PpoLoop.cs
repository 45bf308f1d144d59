using System.Diagnostics;
using System.Runtime.ExceptionServices;
using System.Threading.Channels;
using Gram.Pipes;
using Gram.Ppo.Records;
using Gram.Ppo.Stages;

namespace Gram.Ppo;

/// <summary>A step that is whole.</summary>
/// <param name="Update">What it did; the loop's.</param>
/// <param name="Seconds">Of its stages.</param>
/// <param name="WallSeconds">From the end of the step before to its own.</param>
/// <param name="InFlight">The next step's rollout where it is made already; the loop's.</param>
internal readonly record struct StepDone(Update Update, IReadOnlyDictionary<string, double> Seconds, double WallSeconds, ScoredRollout? InFlight);

/// <summary>
/// The stages of a PPO step, joined by pipes: each owns what it takes from its pipe and gives up what it puts into the next.
/// All run on the device's thread. A judge elsewhere is asked before tokens are scored and awaited behind it; with async_steps 1 the
/// next step's rollout too is made before that. The order on the device does not depend on when the judge answers.
/// </summary>
internal sealed class PpoLoop(
    RolloutStage rollouts, JudgingStage judging, TokenScoringStage tokenScoring, RewardStage rewards, LearnerStage learner,
    int asyncSteps, Action<int, string> stageStarted)
{
    private readonly Dictionary<int, Dictionary<string, double>> times = []; // of the stages, by step

    /// <summary>Runs steps: takes prompts, hands each step's outcome to <paramref name="finish"/>, which also reports and saves, and says whether the run goes on.</summary>
    /// <param name="firstStep">1-based first step.</param>
    /// <param name="totalSteps">Last step.</param>
    /// <param name="saved">The first step's rollout where a checkpoint held it.</param>
    /// <param name="next">The prompts of a step.</param>
    /// <param name="finish">What follows an update.</param>
    /// <param name="cancellationToken">Stops before the update; an update under way is finished.</param>
    public async Task RunAsync(int firstStep, int totalSteps, SavedRollout? saved, Func<int, PromptBatch> next, Func<StepDone, Task<bool>> finish, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var prompts = new Pipe<PromptBatch>(1);
        using var generated = new Pipe<Rollout>(1);
        using var begun = new Pipe<Judging>(1);
        using var scored = new Pipe<InFlight>(1);
        using var judged = new Pipe<JudgedRollout>(1);
        using var experiences = new Pipe<Experience>(1);
        using var updates = new Pipe<Update>(1);
        var (ahead, pending) = (new Queue<InFlight>(), new HashSet<Judging>()); // rollouts that are not learnt from, judgements that are not taken

        Task[] stages =
        [
            Stage("generate", prompts, generated, batch => batch.Step, Generate),                                                       // 1
            Stage("judge", generated, begun, rollout => rollout.Step, BeginToJudge),                                                    // 2
            Stage("score", begun, scored, judging => judging.Rollout.Step, Score),                                                      // 3
            Stage("advantage", judged, experiences, rollout => rollout.Scores.Rollout.Step, rollout => rewards.Credit(rollout)),        // 4, 5
            Stage("update", experiences, updates, experience => experience.Scores.Rollout.Step, Learn),                                 // 6
        ];
        try
        {
            var (made, clock) = (firstStep - 1, Stopwatch.StartNew());
            for (var step = firstStep; step <= totalSteps; step++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                while (made < Math.Min(step + asyncSteps, totalSteps)) ahead.Enqueue(await MakeAsync(++made));
                var judgement = await TakeAsync(ahead.Peek().Judging);
                await judged.WriteAsync(new(ahead.Dequeue().Scores, judgement), CancellationToken.None);
                using var update = await updates.ReadAsync(CancellationToken.None);
                times.Remove(step, out var seconds);
                PpoTelemetry.Count(seconds!);
                var goesOn = await finish(new(update, seconds!, clock.Elapsed.TotalSeconds, ahead.TryPeek(out var rollout) ? rollout.Scores : null)); // 7
                if (!goesOn) return;
                clock.Restart();
            }
        }
        catch (ChannelClosedException closed) when (closed.InnerException is { } cause)
        {
            ExceptionDispatchInfo.Throw(cause);
        }
        finally
        {
            await stop.CancelAsync();
            foreach (var judgement in pending) await judgement.AbandonAsync();
            prompts.Complete();
            judged.Complete();
            await Task.WhenAll(stages);
            foreach (var rollout in ahead) rollout.Dispose();
        }

        async Task<InFlight> MakeAsync(int step)
        {
            if (saved?.Rollout.Step == step) await generated.WriteAsync(saved.Rollout, CancellationToken.None);
            else await prompts.WriteAsync(next(step), CancellationToken.None);
            return await scored.ReadAsync(CancellationToken.None);
        }

        Rollout Generate(PromptBatch batch) => rollouts.Generate(batch, cancellationToken) with { OptimizerStep = learner.OptimizerStep };

        Judging BeginToJudge(Rollout rollout)
        {
            var judgement = judging.Begin(rollout, stop.Token);
            pending.Add(judgement);
            judgement.ThrowIfFailed();
            return judgement;
        }

        InFlight Score(Judging judging) => new(judging.Rollout == saved?.Rollout ? tokenScoring.Restore(saved) : tokenScoring.Score(judging.Rollout), judging);

        async Task<Judgement> TakeAsync(Judging judging)
        {
            var clock = Stopwatch.StartNew();
            var judgement = await judging.TakeAsync();
            pending.Remove(judging);
            var seconds = times[judgement.Rollout.Step];
            seconds["judge"] = Math.Max(seconds["judge"], judgement.Seconds + judgement.Terms.Sum(term => term.Seconds));
            seconds["judge_wait"] = clock.Elapsed.TotalSeconds;
            return judgement;
        }

        Update Learn(Experience experience)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return learner.Learn(experience);
        }
    }

    /// <summary>One stage: what it takes from a pipe becomes what it puts into the next. An error goes down the pipes to the loop.</summary>
    private async Task Stage<TIn, TOut>(string name, Pipe<TIn> input, Pipe<TOut> output, Func<TIn, int> stepOf, Func<TIn, TOut> work)
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
                    var result = work(item);
                    if (!times.TryGetValue(stepOf(item), out var seconds)) times[stepOf(item)] = seconds = [];
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

    /// <summary>A rollout between its token scores and its judgement.</summary>
    private sealed record InFlight(ScoredRollout Scores, Judging Judging) : IDisposable
    {
        public void Dispose() => Scores.Dispose();
    }
}
