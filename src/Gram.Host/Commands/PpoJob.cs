using Gram.Host.Configuration;
using Gram.Host.Hosting;
using Gram.Host.Reporting;
using Gram.Models;
using Gram.Models.Transformer;
using Gram.Ppo;
using Gram.Ppo.Events;
using Gram.Reward.Judging;
using Gram.Training.Adapters;

namespace Gram.Host.Commands;

/// <summary>PPO with a GRAM judge.</summary>
internal sealed class PpoJob(PpoOptions options, RationaleKeys rationale, Settings settings, Engine engine, ModelFinder models, PpoEvents events) : IJob
{
    public async Task<JobResult> RunAsync(CancellationToken cancellationToken)
    {
        var judgePath = options.RewardModel ?? throw new GramException("--reward_model is needed: the GRAM checkpoint that judges");
        var task = PromptTask.Of(options, events.Notices);
        var (found, baseName) = await models.FindAsync(options, cancellationToken);
        var judgeLocation = await models.JudgeAsync(judgePath, options.RewardModelAdapters, cancellationToken);
        using var shared = SharesBase(found, judgeLocation) ? CausalLM.Load(new ModelLocation(judgeLocation.Directory), PromptTask.DType(engine, settings), engine.Device) : null;
        using var judge = GramJudge.Load(judgeLocation, engine.TrainingDType, engine.Device, quantize: options.RewardModelQuantizationBit is not null, shared: shared);
        var reasoning = rationale.Over(judge, (ulong)options.Seed);
        var run = task.Run(found, reasoning ?? (IPairJudge)judge, reasoning?.Config ?? judge.Config, judge.Bytes - (shared?.Weights.Values.Sum(weight => weight.numel() * weight.element_size()) ?? 0), engine, settings, events, (shared, baseName));
        var result = await run.RunAsync(cancellationToken);
        RunReport.Write(result, RunEnvironment.Of(engine));
        return new JobResult(PpoReport.Json(result), PpoReport.Text(result));
    }

    /// <summary>Whether policy and judge are adapters of one model.</summary>
    private static bool SharesBase(PpoOptions options, ModelLocation judge) =>
        options.FinetuningType == FinetuningType.Lora && judge.Adapter is not null && options.RewardModelQuantizationBit is null && Path.GetFullPath(judge.Directory) == Path.GetFullPath(options.ModelNameOrPath);
}
