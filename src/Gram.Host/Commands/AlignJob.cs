using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text.Json.Nodes;
using Gram.Host.Configuration;
using Gram.Host.Demo;
using Gram.Host.Hosting;
using Gram.Host.Reporting;
using Gram.Models;
using Gram.Pipes;
using Gram.Pipes.Events;
using Gram.Ppo;
using Gram.Ppo.Events;
using Gram.Reward.Judging;
using Gram.Reward.Training;
using Gram.Training.Configuration;
using Gram.Training.Parallel;
using Gram.Training.Runs;
using Microsoft.Extensions.Configuration;

namespace Gram.Host.Commands;

/// <summary>Keys of <c>align</c> alone: what the judge is made of. Those of each stage carry the prefix stage1_ or stage2_.</summary>
internal sealed record AlignOptions
{
    /// <summary>Prefix of the keys of the judge's first stage.</summary>
    public const string Stage1 = "stage1_";

    /// <summary>Prefix of the keys of the judge's second stage.</summary>
    public const string Stage2 = "stage2_";

    /// <summary>A stage's keys: those of <c>train</c>, but for what the run as a whole decides.</summary>
    public static OptionRecord Stage(string prefix) => new(
        typeof(GramTrainingOptions), prefix,
        "model_name_or_path", "dataset", "eval_dataset", "dataset_dir", "output_dir", "overwrite_output_dir", "resume_from_checkpoint", "seed", "gram_loss", "adapter_name_or_path");

    [ConfigurationKeyName("judge_model"), Description("the model that becomes the judge, a directory or hub id (default: the policy)")]
    public string? JudgeModel { get; init; }

    [ConfigurationKeyName("judge_dataset"), Required, Description("raw pairs that the judge is trained on: names in dataset_info.json, files, or demo")]
    public IReadOnlyList<string> JudgeDataset { get; init; } = [];

    [ConfigurationKeyName("judge_eval_dataset"), Description("held-out pairs that the judge is tested on: the same, or demo")]
    public IReadOnlyList<string> JudgeEvalDataset { get; init; } = [];
}

/// <summary>Trains GRAM from raw pairs, both stages, then runs PPO with it: two stages of one process, joined by a pipe.</summary>
internal sealed class AlignJob(
    AlignOptions align, PpoOptions ppo, RunOptions run, Settings settings, Engine engine, ModelFinder models, PpoEvents events, IPublisher<StepLogged> steps, IPublisher<Notice> notices,
    ReportedRun reported) : IJob
{
    private GramTrainingResult? judgeResult;

    public async Task<JobResult> RunAsync(CancellationToken cancellationToken)
    {
        var task = PromptTask.Of(ppo, notices);
        var (found, policyName) = await models.FindAsync(ppo, cancellationToken);
        var judgeModel = align.JudgeModel is { } name ? await models.PolicyAsync(name, cancellationToken) : found.ModelNameOrPath;
        task.Check(found); // now, not after the judge's training
        var judges = new Pipe<GramJudge>(capacity: 1);
        var training = TrainJudgeAsync(judgeModel, judges, cancellationToken);
        PpoResult? result = null;
        await foreach (var judge in judges.ReadAllAsync(cancellationToken))
        {
            using (judge)
            {
                var policy = task.Run(found, judge, judge.Config, judge.Bytes, engine, settings, events, (null, policyName), SoleProcess.Instance);
                result = await reported.PpoAsync(ppo.OutputDir, () => policy.RunAsync(cancellationToken));
            }
        }
        await training;
        var json = PpoReport.Json(result!);
        var text = PpoReport.Text(result!);
        if (judgeResult?.Evaluation is { Accuracy: { } accuracy } evaluation)
        {
            json["judge"] = new JsonObject { ["count"] = evaluation.Count, ["accuracy"] = accuracy, ["order_disagreement"] = evaluation.OrderDisagreement };
            text = string.Create(CultureInfo.InvariantCulture, $"judge       {accuracy:0.000} of {evaluation.Count} held-out pairs right\n{text}");
        }
        return new JobResult(json, text);
    }

    /// <summary>Trains both stages and hands the judge over; whoever reads it owns it.</summary>
    private async Task TrainJudgeAsync(string model, Pipe<GramJudge> judges, CancellationToken cancellationToken)
    {
        try
        {
            var first = await TrainAsync(Stage(AlignOptions.Stage1) with { GramLoss = false, EvalDataset = [] }, model, "judge-stage1", cancellationToken);
            var second = await TrainAsync(Stage(AlignOptions.Stage2) with { GramLoss = true }, first, "judge", cancellationToken);
            var judge = GramJudge.Load(second, engine.TrainingDType, engine.Device);
            try
            {
                await judges.WriteAsync(judge, cancellationToken);
            }
            catch
            {
                judge.Dispose(); // nobody took it
                throw;
            }
            judges.Complete();
        }
        catch (Exception error)
        {
            judges.Complete(error); // thrown again where the judge is awaited
        }
    }

    private GramTrainingOptions Stage(string prefix)
    {
        var options = settings.Get<GramTrainingOptions>(prefix) with { Seed = settings.Get<CommonOptions>().Seed };
        if (align.JudgeDataset is not [DemoName.Text]) return options with { Dataset = align.JudgeDataset, EvalDataset = align.JudgeEvalDataset, DatasetDir = ppo.DatasetDir };
        var folder = Path.Combine(ppo.OutputDir, "data");
        var random = new RandomSource(options.Seed);
        DemoData.WritePairs(folder, DemoData.Pairs, DemoWorld.Pairs(DemoDefaults.World.Judge, DemoRecipe.Pairs, DemoWorld.LabelNoise, random));
        DemoData.WritePairs(folder, DemoData.HeldOutPairs, DemoWorld.Pairs(DemoDefaults.World.JudgeHeldOut, DemoRecipe.HeldOutPairs, noise: 0, random));
        return options with { Dataset = [DemoData.Pairs], EvalDataset = [DemoData.HeldOutPairs], DatasetDir = folder };
    }

    /// <summary>Trains one stage and returns the model's directory. A resumed run keeps what was finished.</summary>
    private async Task<string> TrainAsync(GramTrainingOptions options, string model, string folder, CancellationToken cancellationToken)
    {
        var output = Path.Combine(ppo.OutputDir, folder);
        if (run.Resumes && RunDirectory.IsFinished(output))
        {
            notices.Publish(new Notice($"{output} is finished: it is not trained again"));
            return output;
        }
        var stage = options with { ModelNameOrPath = model, OutputDir = output, ResumeFromCheckpoint = run.Resumes ? "true" : null, OverwriteOutputDir = !run.Resumes };
        var (found, baseName) = await models.FindAsync(stage, cancellationToken); // an adapter that the first stage has left names its base
        var trainer = new GramTrainer(found, steps, notices, engine.Device, engine.NamedDType) { ConfigYaml = settings.ToYaml(), BaseModel = baseName };
        judgeResult = await reported.TrainAsync(found, () => trainer.RunAsync(cancellationToken));
        return judgeResult.Model;
    }
}
