#:property PublishAot=false
#:property NoWarn=$(NoWarn);CA1861
#:package ScottPlot
#:project ../../src/Gram.Ppo/Gram.Ppo.csproj
#:project gold/Gram.Examples.FilmReviewGold.csproj

// Draws what align.sh found: gold score of samples against KL from the initial model, and prints what else says whether it was honestly come by.
//
//   dotnet run examples/sst2/frontier.cs -- FOLDER_OF_RUNS PREPARED_SST2 PICTURE.png
//
// Every run in the folder that is done (result.json), was evaluated by gold and whose samples are there as NAME.jsonl, "initial" first, up to the model that it kept. gold: share of samples that the gold classifier calls positive;
// distinct-2: different pairs of words among all, and words a review, of what the policy wrote of it, with their change from "initial";
// perplexity: of samples under the initial model. A second table says where gold is missing: its score over quarters of the prompts, from the openings that gold likes least, and
// over quarters of the samples, from the shortest.

using System.Globalization;
using System.Text.Json.Nodes;
using Gram.Examples.FilmReviewGold;
using Gram.Ppo;
using Gram.Ppo.Rewards;
using ScottPlot;

if (args.Length != 3)
{
    Console.Error.WriteLine("usage: dotnet run examples/sst2/frontier.cs -- FOLDER_OF_RUNS PREPARED_SST2 PICTURE.png");
    return 2;
}

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
var (folder, data) = (args[0], args[1]);
if (new[] { Path.Combine(folder, "initial.jsonl"), Path.Combine(data, "gold-sentences.tsv"), Path.Combine(data, "dev-pairs.jsonl") }.FirstOrDefault(path => !File.Exists(path)) is { } missing)
{
    Console.Error.WriteLine($"there is no {missing}: align.sh writes the folder of runs, prepare.cs the one of sentences");
    return 2;
}
var gold = new FilmReviewGold(File.ReadLines(Path.Combine(data, "gold-sentences.tsv")));
var pairs = Rows(Path.Combine(data, "dev-pairs.jsonl")).ToList();
Console.WriteLine($"gold measure: {pairs.Average(pair => ((gold.IsPositive($"{pair["chosen"]}") ? 1.0 : 0) + (gold.IsPositive($"{pair["rejected"]}") ? 0.0 : 1)) / 2):0.0%} of held-out sentences right");
Console.WriteLine();
Console.WriteLine("| run | KL, nats | gold, samples | gold, greedy | distinct-2 | words | perplexity |");
Console.WriteLine("| --- | --- | --- | --- | --- | --- | --- |");

var plot = new Plot();
var (colours, drawn) = (new ScottPlot.Palettes.Category10(), 0);
(Estimate Gold, double Distinct2, double Words)? start = null;
var quarters = new List<string>();
var runs = Directory.EnumerateFiles(folder, "*.jsonl").Select(path => Path.GetFileNameWithoutExtension(path)).Where(name => File.Exists(Path.Combine(folder, name, "result.json")) && Evaluations(name).Length > 0);
foreach (var name in runs.OrderBy(name => name != "initial").ThenBy(name => name, StringComparer.Ordinal))
{
    var evaluations = Evaluations(name);
    var answered = Rows(Path.Combine(folder, name + ".jsonl")).Select(row => (Prefix(row), row["responses"]!.AsArray().Select(Line).ToArray())).ToList();
    var (last, sampled) = (evaluations[^1], Measure(answered));
    quarters.Add($"| {name} | {Quarters(answered, (prefix, _) => gold.LogOdds(prefix))} | {Quarters(answered, (_, line) => Words(line))} |");
    Print(name, Number(last, "eval/kl"), sampled, $"{Number(last, "eval/gold"):0.000}", $"{Number(last, "eval/reference_perplexity"):0.0}", start);
    if (name == "initial") start = sampled;
    else Draw(name, [0, .. evaluations.Select(point => Number(point, "eval/kl"))], [start?.Gold.Mean ?? double.NaN, .. evaluations.SkipLast(1).Select(point => Number(point, "eval/gold_sampled")), sampled.Gold.Mean], sampled.Gold, LinePattern.Solid);
}

var best = Path.Combine(folder, "best-of-n");
if (File.Exists(Path.Combine(best, "result.json")))
{
    var result = JsonNode.Parse(File.ReadAllText(Path.Combine(best, "result.json")))!;
    var (n, kl, scores) = (Numbers("n"), Numbers("kl"), result["gold"]!.AsArray().Select(value => new Estimate(Number(value!, "mean"), Number(value!, "low"), Number(value!, "high"))).ToArray());
    for (var i = 0; i < n.Length; i++) Console.WriteLine($"| best of {n[i]} | {kl[i]:0.00} | {Text(scores[i])} | | | | |");
    Print($"best of {n[^1]}, what was picked", kl[^1], Measure([.. Rows(Path.Combine(best, "ranked.jsonl")).Select(row => (Prefix(row), new[] { Line(row["responses"]![row["best"]!.GetValue<int>()]) }))]), "", "");
    Draw("best of n", kl, [.. scores.Select(score => score.Mean)], scores[^1], LinePattern.Dashed);

    double[] Numbers(string name) => [.. result[name]!.AsArray().Select(value => value!.GetValue<double>())];
}
Console.WriteLine();
Console.WriteLine("| gold of | quarters by opening, least liked first | quarters by words, shortest first |");
Console.WriteLine("| --- | --- | --- |");
foreach (var row in quarters) Console.WriteLine(row);

plot.Axes.SetLimitsY(0.4, 1);
plot.XLabel("KL from the initial model, nats a response");
plot.YLabel("samples that gold calls positive");
plot.ShowLegend(Alignment.LowerRight);
plot.SavePng(args[2], 800, 520);
return 0;

(Estimate Gold, double Distinct2, double Words) Measure(IReadOnlyList<(string Prefix, string[] Lines)> answered)
{
    var lines = answered.SelectMany(row => row.Lines).ToList();
    return (Estimate.OfMean([.. answered.Select(row => row.Lines.Average(line => Gold(row.Prefix, line)))]), Distinct2.Of(lines), lines.Average(Words));
}

string Quarters(IReadOnlyList<(string Prefix, string[] Lines)> answered, Func<string, string, double> by)
{
    var reviews = answered.SelectMany(row => row.Lines.Select(line => (row.Prefix, Line: line))).OrderBy(review => by(review.Prefix, review.Line)).ToList();
    return string.Join(", ", reviews.Chunk((reviews.Count + 3) / 4).Select(quarter => $"{quarter.Average(review => Gold(review.Prefix, review.Line)):0.00}"));
}

double Gold(string prefix, string line) => gold.IsPositive(prefix + line) ? 1 : 0;

static string Line(JsonNode? answer) => $"{answer}".Split('\n')[0];

static double Words(string line) => line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Length;

void Draw(string name, double[] kl, double[] scores, Estimate last, LinePattern pattern)
{
    var line = plot.Add.Scatter(kl, scores, colours.GetColor(drawn++));
    (line.LegendText, line.LineWidth, line.LinePattern) = (name, 2, pattern);
    plot.Add.Line(kl[^1], last.Low, kl[^1], last.High).Color = line.Color;
}

void Print(string name, double kl, (Estimate Gold, double Distinct2, double Words) of, string greedy, string perplexity, (Estimate Gold, double Distinct2, double Words)? from = null) =>
    Console.WriteLine($"| {name} | {kl:0.00} | {Text(of.Gold)} | {greedy} | {of.Distinct2:0.000}{Change(of.Distinct2, from?.Distinct2)} | {of.Words:0.0}{Change(of.Words, from?.Words)} | {perplexity} |");

string Change(double value, double? from) => from is { } was ? $" ({value / was - 1:+0 %;−0 %})" : "";

JsonObject[] Evaluations(string name) // those up to the model that was kept: the one after it was beyond max_eval_kl
{
    var steps = Number(JsonNode.Parse(File.ReadAllText(Path.Combine(folder, name, "result.json")))!, "steps");
    return [.. Rows(Path.Combine(folder, name, "trainer_log.jsonl")).Where(row => row.ContainsKey("eval/gold_sampled") && Number(row, "step") <= steps)];
}

static IEnumerable<JsonObject> Rows(string path) => File.ReadLines(path).Where(line => line.Length > 0).Select(line => JsonNode.Parse(line)!.AsObject());

static string Prefix(JsonObject row) => $"{row["answer_prefix"]}";

static double Number(JsonNode row, string name) => row[name]!.GetValue<double>();

static string Text(Estimate estimate) => $"{estimate.Mean:0.000} [{estimate.Low:0.000}, {estimate.High:0.000}]";
