using Gram.Host.Configuration;
using Gram.Host.Hosting;
using Gram.Host.Reporting;
using Gram.Models;
using Gram.Ppo;
using Gram.Ppo.Events;
using Gram.Reward.Judging;

namespace Gram.Host.Commands;

/// <summary>PPO with a GRAM judge.</summary>
internal sealed class PpoJob(PpoOptions options, RationaleKeys rationale, Settings settings, Engine engine, ModelFinder models, PpoEvents events) : IJob
{
    public async Task<JobResult> RunAsync(CancellationToken cancellationToken)
    {
        var judgePath = options.RewardModel ?? throw new GramException("--reward_model is needed: the GRAM checkpoint that judges");
        var task = PromptTask.Of(options, events.Notices);
        var found = await models.FindAsync(options, cancellationToken);
        using var judge = GramJudge.Load(await models.JudgeAsync(judgePath, options.RewardModelAdapters, cancellationToken), engine.TrainingDType, engine.Device, quantize: options.RewardModelQuantizationBit is not null);
        var reasoning = rationale.Over(judge, (ulong)options.Seed);
        var run = task.Run(found, reasoning ?? (IPairJudge)judge, reasoning?.Config ?? judge.Config, judge.Bytes, engine, settings, events);
        var result = await run.RunAsync(cancellationToken);
        RunReport.Write(result, RunEnvironment.Of(engine));
        return new JobResult(PpoReport.Json(result), PpoReport.Text(result));
    }
}
