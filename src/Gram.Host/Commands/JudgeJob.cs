using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gram.Host.Configuration;
using Gram.Host.Hosting;
using Gram.Models;
using Gram.Pipes.Events;
using Gram.Reward.Data;
using Gram.Reward.Judging;
using Gram.Training.Runs;

namespace Gram.Host.Commands;

/// <summary>
/// Scores the pairs of a file, both orders: a window of rows at a time, so that a file may be of any size. Rows that an interrupted run
/// left beside the output file are taken over.
/// </summary>
internal sealed class JudgeJob(
    JudgeOptions options, RationaleKeys rationale, RowFileOptions files, CommonOptions common, JudgeOpener judges, IPublisher<StepLogged> steps, IPublisher<Notice> notices) : IJob
{
    /// <summary>Rows scored together: what the judge sorts by length, and what a resumed run repeats at most.</summary>
    private const int Window = 256;

    public async Task<JobResult> RunAsync(CancellationToken cancellationToken)
    {
        var output = OutputFile.Choose(files.Output, "scored.jsonl", common);
        int? total = files.Input == "-" ? null : PairFile.Read(files.Input).Count(); // a bad row is found now, not after hours
        using var judge = await judges.OpenAsync(options, rationale, common.Seed, dtype: null, cancellationToken);
        var judging = new RowJudging(judge);
        using var partial = output == "-" ? null : PartialRows.Open(output, Signature(judge));
        var collected = output == "-" && common.Json ? new JsonArray() : null;

        var (done, dropped, comparedBefore, clock, file) = (new JudgedRows(), 0, 0L, Stopwatch.StartNew(), "");
        foreach (var rows in PairFile.Read(files.Input).Where(Fits).Chunk(Window))
        {
            if (partial?.Take(rows.Length, (i, scored) => rows[i].ScoreIn(scored)) is { } earlier)
            {
                foreach (var (row, score) in rows.Zip(earlier)) done.Add(row, score);
                comparedBefore = done.Comparisons;
                continue;
            }
            if (done.Count > 0 && done.Count == partial?.Taken) notices.Publish(new Notice($"going on after {done.Count} pairs that an earlier run left beside {output}"));
            var scored = await judging.ScoreAsync(rows, cancellationToken);
            foreach (var (row, (score, _)) in rows.Zip(scored)) done.Add(row, score);
            JsonObject[] scoredRows = [.. scored.Select(pair => pair.Row)];
            if (partial is not null) partial.Add(scoredRows);
            else if (collected is null) JsonRows.Write(output, scoredRows);
            else foreach (var row in scoredRows) collected.Add((JsonNode)row);
            var rate = new Dictionary<string, double> { ["pairs_per_s"] = (done.Comparisons - comparedBefore) / clock.Elapsed.TotalSeconds };
            steps.Publish(new StepLogged("judge", done.Count, Math.Max(total - dropped ?? 0, done.Count), rate) { StepsBefore = partial?.Taken ?? 0, Elapsed = clock.Elapsed });
        }
        if (done.Count == 0) throw JudgeRoom.NoneFits(file);
        var seconds = clock.Elapsed.TotalSeconds;
        partial?.Finish();

        var pairsPerSecond = (done.Comparisons - comparedBefore) / seconds;
        var json = CountingJudge.Report(done.Count, done.Comparisons, done.OrderDisagreement, judge.Shortened, dropped, seconds, pairsPerSecond);
        if (done.Accuracy is { } accuracy) json["accuracy"] = accuracy;
        if (judge.Reasoning is { } reasoning) json["rationales"] = reasoning.Rationales;
        if (collected is not null) json["pairs"] = collected;
        var right = done.Accuracy is { } share ? $", {share:0.000} of {done.Ranked} ranked pairs right" : "";
        return new JobResult(json, $"{done.Count} pairs in {seconds:0.0} s ({pairsPerSecond:0.0} pairs/s){right}, order disagreement {done.OrderDisagreement:0.000}, {judge.Shortened} shortened: {output}") { DataOnOutput = output == "-" };

        bool Fits(PairRow row)
        {
            file = row.Source.File;
            if (JudgeRoom.Holds(judge, row.Source, row.Prompt, notices)) return true;
            dropped++;
            return false;
        }
    }

    /// <summary>A short text of all that scores depend on beside the pairs: rows of another judge are not taken over.</summary>
    private string Signature(OpenJudge judge) =>
        JudgeFingerprint.Of(JsonSerializer.Serialize(new { judge.Fingerprint, Rationale = rationale.Rationale ? rationale : null, Seed = rationale.Rationale ? common.Seed : 0 }))[..8];
}
