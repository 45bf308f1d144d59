using Gram.Host.Configuration;
using Gram.Host.Hosting;
using Gram.Host.Reporting;
using Gram.Models;
using Gram.Models.Transformer;
using Gram.Ppo;
using Gram.Ppo.Events;
using Gram.Reward.Judging;
using Gram.Training.Adapters;
using Gram.Training.Parallel;

namespace Gram.Host.Commands;

/// <summary>PPO with a GRAM judge.</summary>
internal sealed class PpoJob(PpoOptions options, RemoteJudgeKeys remote, RationaleKeys rationale, Settings settings, Engine engine, ModelFinder models, JudgeOpener judges, PpoEvents events, IProcessGroup group, ReportedRun reported) : IJob
{
    public async Task<JobResult> RunAsync(CancellationToken cancellationToken)
    {
        if (options.RewardModel is null && remote.BaseUrl is null) throw new GramException("--reward_model is needed: the GRAM checkpoint that judges; or --base_url, where one is served");
        var judging = new JudgeOptions { RewardModel = options.RewardModel ?? "", RewardModelAdapters = options.RewardModelAdapters, RewardModelQuantizationBit = options.RewardModelQuantizationBit, Remote = remote };
        var task = PromptTask.Of(options, events.Notices);
        var (found, baseName) = await models.FindAsync(options, cancellationToken);
        using var shared = remote.BaseUrl is null ? SharedBase(found, await models.JudgeAsync(judging.RewardModel, judging.RewardModelAdapters, cancellationToken)) : null;
        using var judge = await judges.OpenAsync(judging, rationale, (ulong)options.Seed, engine.TrainingDType, cancellationToken, shared);
        var run = task.Run(found, judge, judge.Config, judge.Bytes - (shared?.Weights.Values.Sum(weight => weight.numel() * weight.element_size()) ?? 0), engine, settings, events, (shared, baseName), group);
        var result = await reported.PpoAsync(options.OutputDir, () => run.RunAsync(cancellationToken));
        return new JobResult(PpoReport.Json(result), PpoReport.Text(result));
    }

    /// <summary>The model that policy and judge are adapters of, if they are.</summary>
    private CausalLM? SharedBase(PpoOptions policy, ModelLocation judge) =>
        policy.FinetuningType == FinetuningType.Lora && judge.Adapter is not null && policy.RewardModelQuantizationBit is null && Path.GetFullPath(judge.Directory) == Path.GetFullPath(policy.ModelNameOrPath)
            ? CausalLM.Load(new ModelLocation(judge.Directory), PromptTask.DType(engine, settings), engine.Device)
            : null;
}
