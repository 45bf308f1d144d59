using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Gram.BestOfN;
using Gram.Host.Configuration;
using Gram.Host.Demo;
using Gram.Host.Hosting;
using Gram.Host.Reporting;
using Gram.Models.Checkpoints;
using Gram.Models.Generation;
using Gram.Pipes.Events;
using Gram.Ppo;
using Gram.Reward.Data;
using Gram.Reward.Judging;
using Gram.Training.Runs;
using Microsoft.Extensions.Configuration;

namespace Gram.Host.Commands;

/// <summary>Keys of <c>best-of-n</c> alone.</summary>
internal sealed record BestOfNOptions : IValidatableObject
{
    [ConfigurationKeyName("n"), Description("numbers of answers to pick the best of; the largest number is generated"), Range(1, 65536)]
    public IReadOnlyList<int> N { get; init; } = [1, 2, 4, 8, 16];

    [ConfigurationKeyName("prompt"), Description("one prompt, instead of a file")]
    public string? Prompt { get; init; }

    [ConfigurationKeyName("input"), Description("file of prompts, or demo for the embedded help desk's held-out ones")]
    public string? Input { get; init; }

    [ConfigurationKeyName("output"), Description("file to write the answers of the largest n to, ranked")]
    public string? Output { get; init; }

    [ConfigurationKeyName("max_samples"), Description("most prompts taken from the file"), Range(1, int.MaxValue)]
    public int? MaxSamples { get; init; }

    [ConfigurationKeyName(Ppo.GoldPlugin.Key), Description("assembly (.dll) whose public class that implements Gram.Ppo.IGoldMeasure measures what was picked")]
    public string? GoldPlugin { get; init; }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (N.Count == 0) yield return new ValidationResult("n: at least one number of answers is needed, for example --n 1,2,4");
        if (Prompt is null == Input is null) yield return new ValidationResult("prompts are needed from one place: --prompt TEXT or --input FILE");
    }
}

/// <summary>Generates n answers for each prompt, and picks the best by tournament, for several n.</summary>
internal sealed class BestOfNJob(
    BestOfNOptions options, TournamentOptions tournament, JudgeOptions judging, RationaleKeys rationale, ModelOptions model, SamplingOptions sampling, CommonOptions common,
    Settings settings, Engine engine, PolicyOpener policies, JudgeOpener judges, IPublisher<StepLogged> steps, IPublisher<Notice> notices) : IJob
{
    public async Task<JobResult> RunAsync(CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        var output = OutputFile.Choose(options.Output, "ranked.jsonl", common);
        var (prompts, gold) = Prompts();
        using var policy = await policies.OpenAsync(model, cancellationToken);
        using var judge = await judges.OpenAsync(judging, rationale, common.Seed, dtype: null, cancellationToken);
        var method = tournament.Create();

        // The answer after the largest n's is what those picked are compared with: one draw, of which nothing was picked.
        var most = options.N.Max();
        var drawn = await DrawAsync(policy, prompts, most + 1, cancellationToken);
        // The answers of a small n are the first of a large one's, and the judge remembers the pairs that they share.
        var remembering = new CountingJudge(judge);
        var questions = prompts.Select(prompt => prompt.QuestionAs(judge.Config.TurnFormat)).ToList();
        var figures = new List<BestOfNFigure>();
        IReadOnlyList<TournamentResult> results = [];
        foreach (var n in options.N.Order())
        {
            notices.Publish(new Notice($"picking the best of {n}"));
            results = await method.RankAsync(remembering, [.. questions.Zip(drawn, (question, answers) => (question, (IReadOnlyList<string>)[.. answers.Take(n).Select(answer => answer.Judged)]))], cancellationToken);
            var pairs = questions.Zip(drawn, results).Select(item => new AnswerPair(item.First, item.Second[item.Third.Best].Judged, item.Second[most].Judged)).ToList();
            figures.Add(Figure(n, prompts, pairs, await remembering.ScoreAsync(pairs, cancellationToken), gold));
        }

        var ranked = prompts.Select((prompt, i) => new RankedAnswers(prompt, [.. drawn[i].Take(most).Select(answer => answer.Text)], results[i])).ToList();
        JsonRows.Write(output, ranked.Select(item => RankedRow.Of(GenerationFile.RowOf(item.Prompt, item.Answers), item.Result, method.Name)));
        var report = new BestOfNReport(figures);
        var json = report.Json();
        var beside = new RankedFolder(common.OutputDir!, engine, notices).Write(ranked, $"best of {most} by {method.Name}, {model.ModelNameOrPath}", report.Head, report.Rows, json);
        var page = new Report(Report.TitleOf(common.OutputDir!), $"best of {most} by {method.Name}, {model.ModelNameOrPath}", BestOfNPage.Sections(report, figures, ranked), settings.ToYaml(), RunEnvironment.Of(engine)).Write(common.OutputDir!);
        json["seconds"] = clock.Elapsed.TotalSeconds;
        var best = options.Prompt is null ? "" : $"\n{ranked[0].Best}\n";
        return new JobResult(json, $"{report.Lines()}{best}\nranked answers: {output}\n{beside}report: {page}\n") { DataOnOutput = output == "-" };
    }

    private (IReadOnlyList<Prompt> Prompts, IGoldMeasure? Gold) Prompts()
    {
        var gold = GoldPlugin.Load(options.GoldPlugin);
        if (options.Prompt is { } text) return ([new Prompt(text)], gold);
        var most = options.MaxSamples ?? int.MaxValue;
        return options.Input == DemoName.Text
            ? ([.. DemoDefaults.EvalPrompts.Take(most)], gold ?? DemoDefaults.Gold)
            : ([.. PromptFile.Read(options.Input!).Take(most)], gold);
    }

    /// <summary>Samples of each prompt: as they are written, and as the judge reads them.</summary>
    private async Task<IReadOnlyList<IReadOnlyList<(string Text, string Judged)>>> DrawAsync(IPolicy policy, IReadOnlyList<Prompt> prompts, int count, CancellationToken cancellationToken)
    {
        notices.Publish(new Notice($"generating {count} answers to each of {prompts.Count} prompts"));
        var (texts, _) = await policy.AnswerAsync(prompts, sampling, count, common.Seed, steps, onToken: null, cancellationToken);
        if (texts.All(answers => answers.Distinct().Count() == 1)) notices.Publish(new Notice($"all {count} answers to each prompt are the same, so that nothing can be picked: is the temperature above 0, and does the model's server heed it, and a seed for each answer?", IsWarning: true));
        // A continuation keeps the blanks that it begins with; an answer of its own is trimmed.
        return [.. prompts.Zip(texts, (prompt, answers) => answers.Select(text => (prompt.AnswerPrefix.Length > 0 ? text : prompt.AnswerOf(text), prompt.AnswerOf(text))).ToList())];
    }

    private static BestOfNFigure Figure(int n, IReadOnlyList<Prompt> prompts, IReadOnlyList<AnswerPair> pairs, IReadOnlyList<PairScore> scores, IGoldMeasure? gold)
    {
        var wins = Estimate.OfWins([.. scores.Select(score => Estimate.Win(score.ScoreA, score.ScoreB))]);
        if (gold is null) return new(n, wins, null, null);
        var (picked, single) = (prompts.Zip(pairs, (prompt, pair) => gold.Score(prompt, pair.AnswerA)).ToList(), prompts.Zip(pairs, (prompt, pair) => gold.Score(prompt, pair.AnswerB)));
        return new(n, wins, Estimate.OfMean(picked), Estimate.OfWins([.. picked.Zip(single, Estimate.Win)]));
    }
}
