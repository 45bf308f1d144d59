using System.Diagnostics;
using System.Text.Json.Nodes;
using Gram.Host.Configuration;
using Gram.Host.Hosting;
using Gram.Models.Checkpoints;
using Gram.Models.Speed;
using Gram.Pipes.Events;
using Gram.Reward.Benchmarks;
using Gram.Reward.Data;
using Gram.Reward.Judging;
using Gram.Training.Runs;

namespace Gram.Host.Commands;

/// <summary>Evaluates a judge, or a file of scores, on a benchmark.</summary>
internal sealed class EvalJob(EvalOptions options, CommonOptions common, Engine engine, ModelFinder models, BaselineJudging baselines, IPublisher<StepLogged> steps, IPublisher<Notice> notices) : IJob
{
    /// <summary>Comparisons judged between two lines of progress.</summary>
    private const int PartRows = 256;

    public async Task<JobResult> RunAsync(CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        var benchmark = Benchmark.ByName(options.Benchmark, options.GroupBy);
        var run = options.Baselines ? baselines.Run() : null;
        var items = BenchmarkReader.Items(benchmark, options.Dataset, options.DatasetDir, options.MaxSamples);
        IReadOnlyList<Verdict> verdicts;
        if (options.Scores is { } scores) (items, verdicts) = BenchmarkReader.Scores(benchmark, scores, items);
        else verdicts = await JudgeAsync(options.RewardModel!, items, cancellationToken);
        if (benchmark.Missing(items) is { Count: > 0 } missing) notices.Publish(new Notice($"{benchmark.Name}: no item of {string.Join(", ", missing)}; the average is over what is there", IsWarning: true));

        List<Evaluation> floors = Evaluation.OfLength(benchmark, items, common.Seed, options.BootstrapSamples) is { } length ? [length] : [];
        if (run is not null)
        {
            await foreach (var (name, said) in baselines.JudgeAsync(run, items, cancellationToken)) floors.Add(EvaluationOf(name, said));
        }
        var report = new EvaluationReport(benchmark.Name, EvaluationOf(options.RewardModel ?? Path.GetFileName(options.Scores!), verdicts), floors, options.Published ? PublishedFigures.Of(benchmark) : []);
        var json = report.ToJson();
        json["seconds"] = clock.Elapsed.TotalSeconds;
        json["page"] = Write(report, json);
        return new JobResult(json, $"{report.ToText()}\n{json["page"]}");

        Evaluation EvaluationOf(string judge, IReadOnlyList<Verdict> said) => Evaluation.Of(judge, benchmark, items, said, common.Seed, options.BootstrapSamples);
    }

    private async Task<IReadOnlyList<Verdict>> JudgeAsync(string rewardModel, IReadOnlyList<BenchmarkItem> items, CancellationToken cancellationToken)
    {
        var location = await models.JudgeAsync(rewardModel, options.RewardModelAdapters, cancellationToken);
        using var judge = GramJudge.Load(location, engine.InferenceDType(Workload.Scoring), engine.Device, quantize: options.RewardModelQuantizationBit is not null);
        PairRow[] rows = [.. items.SelectMany(item => item.Comparisons).Select(comparison => comparison.Pair!)];
        AnswerPair[] pairs = [.. rows.Select(row => row.Pair(judge.Config.TurnFormat))];
        var verdicts = new List<Verdict>();
        var unread = new List<JsonRow>();
        var timer = Stopwatch.StartNew();
        foreach (var part in Enumerable.Range(0, pairs.Length).Chunk(PartRows))
        {
            // What has no room in the context is a tie, and so wrong: a benchmark's items stay the same for every judge.
            int[] judged = [.. part.Where(i => judge.Fits(pairs[i]))];
            var found = judged.Zip(await judge.ScoreAsync([.. judged.Select(i => pairs[i])], cancellationToken)).ToDictionary(pair => pair.First, pair => pair.Second);
            foreach (var i in part)
            {
                if (!found.ContainsKey(i)) unread.Add(rows[i].Source);
                verdicts.Add(Verdict.Of(found.GetValueOrDefault(i, PairScore.Tie)));
            }
            steps.Publish(new StepLogged("eval", verdicts.Count, pairs.Length, new Dictionary<string, double> { ["pairs_per_s"] = verdicts.Count / timer.Elapsed.TotalSeconds }) { Elapsed = timer.Elapsed });
        }
        if (unread.Count > 0) notices.Publish(new Notice($"{unread.Count} comparisons count as ties, their question alone is longer than the judge's context; the first is {unread[0].File}, row {unread[0].Row}", IsWarning: true));
        if (judge.Shortened > 0) notices.Publish(new Notice($"{judge.Shortened} comparisons had their answers shortened to fit the judge's context", IsWarning: true));
        JsonRows.Write(PathOf("scored.jsonl"), rows.Zip(verdicts, (row, verdict) => row.Scored(new PairScore(verdict.PAb!.Value, verdict.PBa!.Value))));
        return verdicts;
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
