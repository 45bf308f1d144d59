using System.Text.Json.Nodes;
using Gram.Models.Generation;

namespace Gram.Models.Tests.Generation;

/// <summary>A case of transformers' logits processors: logits, settings, and what they leave.</summary>
internal sealed record SamplingCase(string Name, string Logits, SamplingOptions Options, int[] InputIds, bool TieAtCut, bool CutWithinRounding)
{
    /// <summary>The golden cases; skips the test where they are absent.</summary>
    public static IEnumerable<SamplingCase> All() => Goldens.Json("rl", "sampling", "sampling.json")["cases"]!.AsArray().Select(example => Read(example!));

    private static SamplingCase Read(JsonNode example)
    {
        var settings = example["settings"]!;
        return new(
            example["name"]!.GetValue<string>(),
            example["logits"]!.GetValue<string>(),
            new SamplingOptions
            {
                Temperature = settings["temperature"]?.GetValue<double>() ?? 1,
                TopK = settings["top_k"]?.GetValue<int>() ?? 0,
                TopP = settings["top_p"]?.GetValue<double>() ?? 1,
                MinP = settings["min_p"]?.GetValue<double>() ?? 0,
                RepetitionPenalty = settings["repetition_penalty"]?.GetValue<double>() ?? 1,
            },
            [.. example["input_ids"]!.AsArray().Select(id => id!.GetValue<int>())],
            example["tie_at_cut"]!.GetValue<bool>(),
            example["cut_within_rounding"]!.GetValue<bool>());
    }
}
