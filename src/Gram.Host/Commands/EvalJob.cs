using System.Diagnostics;
using System.Text.Json.Nodes;
using Gram.Host.Configuration;
using Gram.Host.Hosting;
using Gram.Host.Reporting;
using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Pipes.Events;
using Gram.Reward.Benchmarks;
using Gram.Reward.Data;
using Gram.Reward.Judging;
using Gram.Training.Runs;

namespace Gram.Host.Commands;

/// <summary>Evaluates a judge, or a file of scores, on a benchmark.</summary>
internal sealed class EvalJob(
    EvalOptions options, RationaleKeys rationale, CommonOptions common, Settings settings, Engine engine, JudgeOpener judges, BaselineJudging baselines, IPublisher<StepLogged> steps, IPublisher<Notice> notices) : IJob
{
    /// <summary>Comparisons judged between two lines of progress.</summary>
    private const int PartRows = 256;

    public async Task<JobResult> RunAsync(CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        if (rationale.Rationale && options.Scores is not null) throw new GramException("rationale: a file of scores is evaluated as it stands; leave it out, or name a judge with --reward_model");
        var benchmark = Benchmark.ByName(options.Benchmark, options.GroupBy);
        var run = options.Baselines ? baselines.Run() : null;
        var items = BenchmarkReader.Items(benchmark, options.Dataset, options.DatasetDir, options.MaxSamples);
        IReadOnlyList<Verdict> verdicts;
        long? rationales = null;
        if (options.Scores is { } scores) (items, verdicts) = BenchmarkReader.Scores(benchmark, scores, items);
        else (verdicts, rationales) = await JudgeAsync(items, cancellationToken);
        if (benchmark.Missing(items) is { Count: > 0 } missing) notices.Publish(new Notice($"{benchmark.Name}: no item of {string.Join(", ", missing)}; the average is over what is there", IsWarning: true));

        List<Evaluation> floors = Evaluation.OfLength(benchmark, items, common.Seed, options.BootstrapSamples) is { } length ? [length] : [];
        if (run is not null)
        {
            await foreach (var (name, said) in baselines.JudgeAsync(run, items, cancellationToken)) floors.Add(EvaluationOf(name, said));
        }
        var report = new EvaluationReport(benchmark.Name, EvaluationOf(options.Scores is { } file ? Path.GetFileName(file) : options.RewardModel.Length > 0 ? options.RewardModel : options.Remote.BaseUrl!, verdicts), floors, options.Published ? PublishedFigures.Of(benchmark) : []);
        var json = report.ToJson();
        if (rationales is not null) json["rationales"] = rationales;
        json["seconds"] = clock.Elapsed.TotalSeconds;
        json["page"] = Write(report, json);
        var page = new Report(report.Benchmark, $"evaluation of {report.Judge.Judge}", EvalPage.Sections(report, items, verdicts), settings.ToYaml(), RunEnvironment.Of(engine)).Write(common.OutputDir!);
        return new JobResult(json, $"{report.ToText()}\n{json["page"]}\n{page}");

        Evaluation EvaluationOf(string judge, IReadOnlyList<Verdict> said) => Evaluation.Of(judge, benchmark, items, said, common.Seed, options.BootstrapSamples);
    }

    /// <summary>The judge's verdicts, which are written as scored rows too, and how many rationales it wrote for them, if it reasons.</summary>
    private async Task<(IReadOnlyList<Verdict> Verdicts, long? Rationales)> JudgeAsync(IReadOnlyList<BenchmarkItem> items, CancellationToken cancellationToken)
    {
        using var judge = await judges.OpenAsync(options, rationale, common.Seed, dtype: null, cancellationToken);
        var judging = new RowJudging(judge);
        PairRow[] rows = [.. items.SelectMany(item => item.Comparisons).Select(comparison => comparison.Pair!)];
        var (verdicts, scored, unread, timer) = (new List<Verdict>(), new List<JsonObject>(), new List<JsonRow>(), Stopwatch.StartNew());
        foreach (var part in rows.Chunk(PartRows))
        {
            // What has no room in the context is a tie, and so wrong: a benchmark's items stay the same for every judge.
            var fits = part.Select(row => judge.Fits(row.Pair(judge.Config.TurnFormat))).ToArray();
            var judged = new Queue<(PairScore Score, JsonObject Row)>(await judging.ScoreAsync([.. part.Where((_, i) => fits[i])], cancellationToken));
            foreach (var (row, hasRoom) in part.Zip(fits))
            {
                var (score, fields) = hasRoom ? judged.Dequeue() : (PairScore.Tie, row.Scored(PairScore.Tie));
                verdicts.Add(Verdict.Of(score));
                scored.Add(fields);
                if (!hasRoom) unread.Add(row.Source);
            }
            steps.Publish(new StepLogged("eval", verdicts.Count, rows.Length, new Dictionary<string, double> { ["pairs_per_s"] = verdicts.Count / timer.Elapsed.TotalSeconds }) { Elapsed = timer.Elapsed });
        }
        if (unread.Count > 0) notices.Publish(new Notice($"{unread.Count} comparisons count as ties, their question alone is longer than the judge's context; the first is {unread[0].File}, row {unread[0].Row}", IsWarning: true));
        if (judge.Shortened > 0) notices.Publish(new Notice($"{judge.Shortened} comparisons had their answers shortened to fit the judge's context", IsWarning: true));
        JsonRows.Write(PathOf("scored.jsonl"), scored);
        return (verdicts, judge.Reasoning?.Rationales);
    }

    /// <summary>Writes the JSON, the plot and the page that shows it; returns the page's path.</summary>
    private string Write(EvaluationReport report, JsonObject json)
    {
        AtomicFile.WriteText(PathOf("json"), new JobResult(json, "").JsonLine + "\n");
        var plot = PathOf("reliability.svg");
        if (report.Judge.Calibration is { } calibration) AtomicFile.WriteText(plot, ReliabilityPlot.Svg($"{report.Benchmark}: {report.Judge.Judge}", calibration));
        AtomicFile.WriteText(PathOf("md"), report.ToMarkdown(report.Judge.Calibration is null ? null : Path.GetFileName(plot)));
        return PathOf("md");
    }

    private string PathOf(string ending) => Path.Combine(common.OutputDir!, $"{options.Benchmark}.{ending}");
}
