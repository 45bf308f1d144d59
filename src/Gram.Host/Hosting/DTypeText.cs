using System.Globalization;
using System.Text.Json.Nodes;
using Gram.Models.Speed;
using static TorchSharp.torch;

namespace Gram.Host.Hosting;

/// <summary>Says which dtype pays.</summary>
internal static class DTypeText
{
    /// <summary>A dtype as --dtype names it.</summary>
    public static string Name(ScalarType dtype) => dtype == ScalarType.BFloat16 ? "bfloat16" : "float32";

    /// <summary>What dtype auto takes where nothing is trained, and the rates that decide it.</summary>
    public static string Choice(DTypeChoice choice)
    {
        return $"answers are written in {Part(Workload.Decoding)} and judged in {Part(Workload.Scoring)}";

        string Part(Workload workload)
        {
            var (float32, bfloat16) = (choice.Rates[ScalarType.Float32].Of(workload), choice.Rates[ScalarType.BFloat16].Of(workload));
            return string.Create(CultureInfo.InvariantCulture, $"{Name(choice.For(workload))} ({float32:0} GFLOP/s in float32, {bfloat16:0} in bfloat16)");
        }
    }

    /// <summary>Rates by dtype.</summary>
    public static JsonObject Json(IReadOnlyDictionary<ScalarType, DTypeRates> rates) => new(rates.Select(rate => KeyValuePair.Create(
        Name(rate.Key),
        (JsonNode?)new JsonObject { ["scoring_gflops"] = Math.Round(rate.Value.Scoring, 1), ["decoding_gflops"] = Math.Round(rate.Value.Decoding, 1) })));
}
