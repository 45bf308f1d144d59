using Gram.Host.Configuration;
using Gram.Host.Hosting;
using Gram.Models;
using Gram.Ppo;
using Gram.Ppo.Events;

namespace Gram.Host.Commands;

/// <summary>PPO with a GRAM judge.</summary>
internal sealed class PpoJob(PpoOptions options, RemoteJudgeKeys remote, RationaleKeys rationale, Settings settings, Engine engine, ModelFinder models, JudgeOpener judges, PpoEvents events) : IJob
{
    public async Task<JobResult> RunAsync(CancellationToken cancellationToken)
    {
        if (options.RewardModel is null && remote.BaseUrl is null) throw new GramException("--reward_model is needed: the GRAM checkpoint that judges; or --base_url, where one is served");
        var judging = new JudgeOptions { RewardModel = options.RewardModel ?? "", RewardModelAdapters = options.RewardModelAdapters, RewardModelQuantizationBit = options.RewardModelQuantizationBit, Remote = remote };
        var task = PromptTask.Of(options, events.Notices);
        var found = await models.FindAsync(options, cancellationToken);
        using var judge = await judges.OpenAsync(judging, rationale, (ulong)options.Seed, engine.TrainingDType, cancellationToken);
        var run = task.Run(found, judge, judge.Config, engine, settings, events);
        var result = await run.RunAsync(cancellationToken);
        return new JobResult(PpoReport.Json(result), PpoReport.Text(result));
    }
}
