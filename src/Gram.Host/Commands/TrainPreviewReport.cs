using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Gram.Reward.Training;
using Gram.Training.Memory;

namespace Gram.Host.Commands;

/// <summary>What a training run would do, for people and for programs.</summary>
internal static class TrainPreviewReport
{
    public static JsonObject Json(TrainingPreview preview) => new()
    {
        ["stage"] = preview.Stage,
        ["train"] = preview.Train,
        ["eval"] = preview.Eval,
        ["shortened"] = preview.Shortened,
        ["dropped"] = preview.Dropped,
        ["tokens"] = new JsonObject
        {
            ["shortest"] = preview.Lengths.Shortest, ["median"] = preview.Lengths.Median, ["p95"] = preview.Lengths.P95, ["longest"] = preview.Lengths.Longest, ["total"] = preview.Lengths.Total,
        },
        ["packed_rows"] = preview.PackedRows,
        ["adapter"] = preview.Adapter,
        ["steps"] = preview.Plan.TotalSteps,
        ["steps_per_epoch"] = preview.Plan.StepsPerEpoch,
        ["warmup_steps"] = preview.Plan.WarmupSteps,
        ["memory"] = new JsonObject
        {
            ["weights"] = preview.Memory.Weights, ["moments"] = preview.Memory.Moments, ["gradients"] = preview.Memory.Gradients, ["activations"] = preview.Memory.Activations, ["total"] = preview.Memory.Total,
            ["fits"] = preview.Problem is null,
        },
        ["examples"] = new JsonArray([.. preview.Examples.Select(example => new JsonObject
        {
            ["tokens"] = example.Tokens,
            ["trained"] = example.Trained,
            ["parts"] = new JsonArray([.. example.Parts.Select(part => new JsonObject { [part.IsTrained ? "trained" : "masked"] = part.Text })]),
        })]),
    };

    public static string Text(TrainingPreview preview)
    {
        var text = new StringBuilder();
        for (var i = 0; i < preview.Examples.Count; i++)
        {
            var example = preview.Examples[i];
            Line($"example {i + 1}", $"{example.Tokens} tokens, {example.Trained} of them trained");
            foreach (var part in example.Parts) Line(part.IsTrained ? "  trained" : "  masked", part.Text.TrimEnd('\n'));
            text.AppendLine();
        }
        Line("stage", $"{preview.Stage}");
        Line("rows", $"{preview.Train} to train on, {preview.Eval} held out; {preview.Shortened} shortened, {preview.Dropped} left out");
        Line("tokens", string.Create(CultureInfo.InvariantCulture, $"{preview.Lengths.Shortest} to {preview.Lengths.Longest}, median {preview.Lengths.Median}, 95 % up to {preview.Lengths.P95}; {preview.Lengths.Total} in all"));
        if (preview.PackedRows is { } rows) Line("packed", string.Create(CultureInfo.InvariantCulture, $"into {rows} rows, {(double)preview.Lengths.Total / rows:0} tokens each on average"));
        if (preview.Adapter is { } adapter) Line("trained", adapter);
        Line("steps", $"{preview.Plan.TotalSteps}, {preview.Plan.StepsPerEpoch} an epoch, {preview.Plan.WarmupSteps} of warm-up");
        var memory = preview.Memory;
        Line("memory", $"{MemorySize.Text(memory.Total)}: weights {MemorySize.Text(memory.Weights)}, moments {MemorySize.Text(memory.Moments)}, gradients {MemorySize.Text(memory.Gradients)}, activations {MemorySize.Text(memory.Activations)}");
        if (preview.Problem is { } problem) Line("", problem);
        return text.ToString();

        void Line(string title, string value) => text.Append(title.PadRight(12)).AppendLine(value.ReplaceLineEndings("\n            "));
    }
}
