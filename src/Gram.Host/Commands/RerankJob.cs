using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Gram.BestOfN;
using Gram.Host.Configuration;
using Gram.Host.Hosting;
using Gram.Pipes.Events;
using Gram.Reward.Data;
using Gram.Reward.Judging;
using Gram.Training.Runs;

namespace Gram.Host.Commands;

/// <summary>Ranks given generations.</summary>
internal sealed class RerankJob(TournamentOptions tournament, JudgeOptions options, RationaleKeys rationale, RowFileOptions files, CommonOptions common, Engine engine, JudgeOpener judges, IPublisher<Notice> notices) : IJob
{
    public async Task<JobResult> RunAsync(CancellationToken cancellationToken)
    {
        var output = OutputFile.Choose(files.Output, "ranked.jsonl", common);
        var all = GenerationFile.Read(files.Input).ToList();
        using var judge = await judges.OpenAsync(options, rationale, common.Seed, dtype: null, cancellationToken);
        var rows = JudgeRoom.Keep(all, judge, row => row.Source, row => row.Prompt, notices);
        var counting = new CountingJudge(judge);
        var method = tournament.Create();
        var clock = Stopwatch.StartNew();
        var results = await method.RankAsync(counting, [.. rows.Select(row => (row.Prompt.QuestionAs(judge.Config.TurnFormat), (IReadOnlyList<string>)[.. row.Responses.Select(row.Prompt.AnswerOf)]))], cancellationToken);
        var seconds = clock.Elapsed.TotalSeconds;

        var ranked = rows.Zip(results, (row, result) => RankedRow.Of(row.Source.Fields, result, method.Name)).ToList();
        var json = counting.Report(rows.Count, judge.Shortened, all.Count - rows.Count, seconds);
        var possible = rows.Sum(row => row.Responses.Count * (row.Responses.Count - 1L) / 2);
        json["possible_comparisons"] = possible;
        if (output == "-" && common.Json) json["ranked"] = new JsonArray([.. ranked]);
        else JsonRows.Write(output, ranked);
        var summary = string.Create(CultureInfo.InvariantCulture, $"{rows.Count} rows ranked by {method.Name}, {counting.Comparisons} of {possible} comparisons in {seconds:0.0} s, order disagreement {counting.OrderDisagreement:0.000}");
        var beside = common.OutputDir is not { } folder ? "" : new RankedFolder(folder, engine, notices).Write(
            [.. rows.Zip(results, (row, result) => new RankedAnswers(row.Prompt, row.Responses, result))], $"rerank by {method.Name}", [], [["ranked", summary]], json);
        return new JobResult(json, $"{summary}: {output}\n{beside}") { DataOnOutput = output == "-" };
    }
}
