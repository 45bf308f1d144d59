using System.Diagnostics;
using System.Text.Json.Nodes;
using Gram.Host.Configuration;
using Gram.Host.Hosting;
using Gram.Models.Speed;
using Gram.Pipes.Events;
using Gram.Reward.Data;
using Gram.Reward.Judging;
using Gram.Training.Runs;

namespace Gram.Host.Commands;

/// <summary>Scores the pairs of a file, both orders.</summary>
internal sealed class JudgeJob(JudgeOptions options, RowFileOptions files, CommonOptions common, Engine engine, ModelFinder models, IPublisher<StepLogged> steps, IPublisher<Notice> notices) : IJob
{
    /// <summary>Pairs scored between two lines of progress.</summary>
    private const int PartRows = 256;

    public async Task<JobResult> RunAsync(CancellationToken cancellationToken)
    {
        var output = OutputFile.Choose(files.Output, "scored.jsonl", common);
        var all = PairFile.Read(files.Input).ToList();
        using var judge = GramJudge.Load(await models.JudgeAsync(options.RewardModel, options.RewardModelAdapters, cancellationToken), engine.InferenceDType(Workload.Scoring), engine.Device, quantize: options.RewardModelQuantizationBit is not null);
        var rows = JudgeRoom.Keep(all, judge, row => row.Source, row => row.Prompt, notices);
        var counting = new CountingJudge(judge);
        var clock = Stopwatch.StartNew();
        var scores = new List<PairScore>();
        foreach (var part in rows.Chunk(PartRows))
        {
            scores.AddRange(await counting.ScoreAsync([.. part.Select(row => row.Pair(judge.Config.TurnFormat))], cancellationToken));
            steps.Publish(new StepLogged("judge", scores.Count, rows.Count, new Dictionary<string, double> { ["pairs_per_s"] = scores.Count / clock.Elapsed.TotalSeconds }));
        }
        var seconds = clock.Elapsed.TotalSeconds;

        var scored = rows.Zip(scores, (row, score) => row.Scored(score)).ToList();
        var json = counting.Report(rows.Count, judge, all.Count - rows.Count, seconds);
        var ranked = rows.Zip(scores).Where(pair => pair.First.IsRanked).ToList();
        if (ranked.Count > 0) json["accuracy"] = ranked.Average(pair => pair.Second.ScoreA > pair.Second.ScoreB ? 1.0 : 0.0);
        if (output == "-" && common.Json) json["pairs"] = new JsonArray([.. scored]);
        else JsonRows.Write(output, scored);

        var accuracy = ranked.Count > 0 ? $", {json["accuracy"]:0.000} of {ranked.Count} ranked pairs right" : "";
        return new JobResult(json, $"{rows.Count} pairs in {seconds:0.0} s ({rows.Count / seconds:0.0} pairs/s){accuracy}, order disagreement {counting.OrderDisagreement:0.000}, {judge.Shortened} shortened: {output}") { DataOnOutput = output == "-" };
    }
}
