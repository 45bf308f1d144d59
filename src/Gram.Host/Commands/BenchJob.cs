using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gram.Host.Bench;
using Gram.Host.Configuration;
using Gram.Host.Hosting;
using Gram.Models.Speed;
using Gram.Pipes.Events;
using Gram.Training.Runs;
using Microsoft.Extensions.Configuration;

namespace Gram.Host.Commands;

/// <summary>Keys of <c>bench</c> alone.</summary>
internal sealed record BenchOptions
{
    [ConfigurationKeyName("model_name_or_path"), Description("the model to measure: a Hugging Face directory or hub id, or demo for the embedded policy")]
    public string ModelNameOrPath { get; init; } = DemoName.Text;

    [ConfigurationKeyName("figures"), FigureNames, Description("the speeds to measure; none named = all")]
    public IReadOnlyList<string> Figures { get; init; } = [];
}

/// <summary>Accepts the names of figures.</summary>
internal sealed class FigureNamesAttribute() : AllowedValuesAttribute([.. SpeedBench.Names]);

/// <summary>This machine's floors, and the speeds as a share of them.</summary>
internal sealed class BenchJob(BenchOptions options, Engine engine, ModelFinder models, IPublisher<Notice> notices) : IJob
{
    public async Task<JobResult> RunAsync(CancellationToken cancellationToken)
    {
        var directory = await models.PolicyAsync(options.ModelNameOrPath, cancellationToken);
        var report = new SpeedBench(directory, engine.Device, note => notices.Publish(new Notice(note))).Run(options.Figures, cancellationToken);
        return new JobResult((JsonObject)JsonSerializer.SerializeToNode(report)!, Text(report, engine.DTypes));
    }

    private static string Text(BenchStage stage)
    {
        var terms = string.Join(", ", stage.Terms.Select(term => string.Create(CultureInfo.InvariantCulture, $"{term.Name} {term.FloorSeconds:0.00} s")));
        var floor = stage.Terms.Count == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"{stage.Share,9:0.0%} of its floor: {terms}");
        return string.Create(CultureInfo.InvariantCulture, $"  {stage.Name,-18} {stage.Seconds,12:0.00} s{floor}");
    }

    private static string Text(BenchReport report, DTypeChoice choice)
    {
        var text = new StringBuilder();
        text.AppendLine(report.Machine).AppendLine();
        text.AppendLine(CultureInfo.InvariantCulture, $"floors: gemm {report.Floors.GemmF32Gflops:0} GFLOP/s float32, {report.Floors.GemmBf16Gflops:0} bfloat16; read {report.Floors.ReadGbps:0.0} GB/s, copy {report.Floors.CopyGbps:0.0}");
        text.AppendLine($"dtype auto: {DTypeText.Choice(choice)}").AppendLine();
        foreach (var figure in report.Figures)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"{figure.Name,-20} {figure.Value,12:0.0} {figure.Unit,-10} {figure.Share,6:0.0%} of its floor");
            if (figure.Published is { } published)
                text.AppendLine(CultureInfo.InvariantCulture, $"{"",-20} {published.Ratio,12:0.00} × the published script's way ({published.Value:0.0} {figure.Unit}): {published.TokensHere} tokens computed instead of {published.Tokens}, scores equal within {published.ScoreGap:0.0e-0}");
            if (figure.Alone is { } alone)
                text.AppendLine(CultureInfo.InvariantCulture, $"{"",-20} {alone.Cost,12:0.0%} of what a pair costs alone ({alone.Value:0.0} {figure.Unit}): {alone.TokensHere} tokens computed instead of {alone.Tokens}; {alone.WarmCost:0.0%} where the judge has read its instructions before");
            foreach (var stage in figure.Stages ?? []) text.AppendLine(Text(stage));
            if (figure.Beside is not { } beside) continue;
            text.AppendLine(CultureInfo.InvariantCulture, $"{"",-20} {beside.Cost,12:0.0%} of the time with {beside.Name} ({beside.Value:0.0} {figure.Unit}), run in turns; {beside.FloorCost:0.0%} by their floors:");
            foreach (var stage in beside.Stages) text.AppendLine(Text(stage));
        }
        return text.ToString();
    }
}
