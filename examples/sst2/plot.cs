#:property PublishAot=false
#:package ScottPlot

// Draws what stage-one.sh found: accuracy against labelled pairs, with and without stage 1, mean and 95 % interval over seeds (Student's t).
//
//   dotnet run examples/sst2/plot.cs -- FOLDER_OF_RUNS PICTURE.png

using System.Globalization;
using System.Text.Json;
using ScottPlot;

if (args.Length != 2)
{
    Console.Error.WriteLine("usage: dotnet run examples/sst2/plot.cs -- FOLDER_OF_RUNS PICTURE.png");
    return 2;
}

int[] budgets = [100, 300, 1000];
double[] students = [12.706, 4.303, 3.182]; // 97.5 % quantiles of Student's t for 1, 2, 3 degrees of freedom
var plot = new Plot();
foreach (var (start, label, shift) in new[] { ("base", "stage 2 alone", -0.015), ("stage-1", "stage 1, then stage 2", 0.015) })
{
    var points = budgets.Select(pairs => (X: Math.Log10(pairs) + shift, Runs: Accuracies(start, pairs))).Select(point => (point.X, Mean: point.Runs.Average(), Half: HalfWidth(point.Runs))).ToArray();
    var line = plot.Add.Scatter(points.Select(point => point.X).ToArray(), points.Select(point => point.Mean).ToArray());
    line.LegendText = label;
    var bars = plot.Add.ErrorBar(points.Select(point => point.X).ToArray(), points.Select(point => point.Mean).ToArray(), points.Select(point => point.Half).ToArray());
    bars.Color = line.Color;
    foreach (var (pairs, point) in budgets.Zip(points)) Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{label,-22} {pairs,5} pairs  {point.Mean:0.000} ± {point.Half:0.000}"));
}
plot.Axes.Bottom.SetTicks([.. budgets.Select(pairs => Math.Log10(pairs))], [.. budgets.Select(pairs => $"{pairs}")]);
plot.Axes.SetLimitsY(0.3, 1);
plot.XLabel("labelled pairs");
plot.YLabel("dev pairs right");
plot.ShowLegend(Alignment.LowerRight);
plot.SavePng(args[1], 720, 440);
return 0;

double[] Accuracies(string start, int pairs) =>
    [.. Directory.EnumerateFiles(args[0], $"{start}-{pairs}-*.json").Select(path => JsonDocument.Parse(File.ReadAllText(path)).RootElement.GetProperty("eval").GetProperty("accuracy").GetDouble())];

double HalfWidth(double[] runs)
{
    var mean = runs.Average();
    return students[runs.Length - 2] * Math.Sqrt(runs.Sum(run => (run - mean) * (run - mean)) / (runs.Length - 1) / runs.Length);
}
