using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gram.BestOfN;
using Gram.Host.Configuration;
using Gram.Host.Demo;
using Gram.Host.Hosting;
using Gram.Host.Reporting;
using Gram.Models;
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

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (N.Count == 0) yield return new ValidationResult("n: at least one number of answers is needed, for example --n 1,2,4");
        if (Prompt is null == Input is null) yield return new ValidationResult("prompts are needed from one place: --prompt TEXT or --input FILE");
    }
}

/// <summary>Generates n answers for each prompt, and picks the best by tournament, for several n.</summary>
internal sealed class BestOfNJob(
    BestOfNOptions options, TournamentOptions tournament, JudgeOptions judging, RationaleKeys rationale, ModelOptions model, SamplingOptions sampling, CommonOptions common,
    Settings settings, Engine engine, ModelFinder models, JudgeOpener judges, IPublisher<StepLogged> steps, IPublisher<Notice> notices) : IJob
{
    public async Task<JobResult> RunAsync(CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        var output = OutputFile.Choose(options.Output, "ranked.jsonl", common);
        var (prompts, gold) = Prompts();
        var policyLocation = await models.PolicyAsync(model.ModelNameOrPath, model.AdapterNameOrPath, cancellationToken);
        using var policy = new TextModel(policyLocation, model, engine);
        using var judge = await judges.OpenAsync(judging, rationale, common.Seed, dtype: null, cancellationToken);

        notices.Publish(new Notice($"generating {options.N.Max()} answers to each of {prompts.Count} prompts"));
        var groups = policy.Generate(prompts, sampling, greedy: true, options.N.Max(), new RandomSource(common.Seed), steps, onToken: null, cancellationToken);
        var greedy = groups.Select(group => JudgeText.Clean(group.Greedy!.Text!)).ToList();
        var answers = groups.Select(group => group.Samples.Select(answer => JudgeText.Clean(answer.Text!)).ToList()).ToList();

        // The answers of a small n are the first of a large one's, and the judge remembers the pairs that they share.
        var remembering = new CountingJudge(judge);
        var method = tournament.Create();
        var estimates = new List<Estimate>();
        IReadOnlyList<TournamentResult> results = [];
        foreach (var n in options.N.Order())
        {
            notices.Publish(new Notice($"picking the best of {n}"));
            results = await method.RankAsync(remembering, [.. prompts.Zip(answers, (prompt, all) => (prompt.QuestionAs(judge.Config.TurnFormat), (IReadOnlyList<string>)all[..n]))], cancellationToken);
            var best = results.Zip(answers, (result, all) => all[result.Best]).ToList();
            estimates.Add(gold is not null
                ? Estimate.OfMean([.. prompts.Zip(best, gold.Score)])
                : Estimate.OfWins([.. (await remembering.ScoreAsync([.. prompts.Select((prompt, i) => new AnswerPair(prompt.QuestionAs(judge.Config.TurnFormat), best[i], greedy[i]))], cancellationToken)).Select(Win)]));
        }
        JsonRows.Write(output, prompts.Select((prompt, i) => RankedRow.Of(GenerationFile.RowOf(prompt, answers[i]), results[i], method.Name)));

        var measure = gold is not null ? "gold" : "win_rate";
        var page = Page(measure, method, [.. options.N.Order().Zip(estimates, (n, estimate) => new PickedOf(n, estimate))], [.. prompts.Select((prompt, i) => new PickedAnswer(prompt.QuestionAs(judge.Config.TurnFormat), greedy[i], answers[i], results[i]))]);
        var json = new JsonObject
        {
            ["n"] = new JsonArray([.. options.N.Order().Select(n => JsonValue.Create(n))]),
            [measure] = JsonSerializer.SerializeToNode(estimates),
            ["kl"] = new JsonArray([.. options.N.Order().Select(n => JsonValue.Create(BestOfNKl.Bound(n)))]),
            ["seconds"] = clock.Elapsed.TotalSeconds,
        };
        return new JobResult(json, Text(measure, estimates, options.Prompt is null ? null : answers[0][results[0].Best], output, page)) { DataOnOutput = output == "-" };
    }

    /// <summary>Writes the report and returns its path.</summary>
    private string Page(string measure, ITournament method, IReadOnlyList<PickedOf> picked, IReadOnlyList<PickedAnswer> answers) => new Report(
        Report.TitleOf(common.OutputDir!), $"best of n by {method.Name}, {model.ModelNameOrPath}",
        BestOfNPage.Sections(measure == "gold" ? "gold score" : "wins over greedy", picked, answers), settings.ToYaml(), RunEnvironment.Of(engine)).Write(common.OutputDir!);

    private (IReadOnlyList<Prompt> Prompts, IGoldMeasure? Gold) Prompts()
    {
        if (options.Prompt is { } text) return ([new Prompt(text)], null);
        var most = options.MaxSamples ?? int.MaxValue;
        return options.Input == DemoName.Text
            ? ([.. DemoDefaults.EvalPrompts.Take(most)], DemoDefaults.Gold)
            : ([.. PromptFile.Read(options.Input!).Take(most)], null);
    }

    /// <summary>1 won, ½ tied, 0 lost, against the greedy answer.</summary>
    private static double Win(PairScore score) => score.ScoreA > score.ScoreB ? 1 : score.ScoreA < score.ScoreB ? 0 : 0.5;

    private string Text(string measure, List<Estimate> estimates, string? best, string output, string page)
    {
        var text = new StringBuilder();
        text.AppendLine(measure == "gold" ? "   n  gold score [95 % interval]  KL (nats, at most)" : "   n  wins over greedy [95 %]     KL (nats, at most)");
        foreach (var (n, estimate) in options.N.Order().Zip(estimates))
        {
            text.AppendLine(string.Create(CultureInfo.InvariantCulture, $"{n,4}  {PpoReport.Of(estimate),-26}  {BestOfNKl.Bound(n):0.000}"));
        }
        if (best is not null) text.AppendLine().AppendLine(best);
        text.AppendLine();
        if (output != "-") text.AppendLine($"ranked answers: {output}");
        text.AppendLine($"report: {page}");
        return text.ToString();
    }
}
