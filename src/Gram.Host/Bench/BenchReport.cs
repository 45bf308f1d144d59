using System.Runtime.InteropServices;
using System.Text.Json.Serialization;
using Gram.Models.Native;

namespace Gram.Host.Bench;

/// <summary>One measured speed.</summary>
/// <param name="Name">For example decode_b1_bf16.</param>
/// <param name="Value">The speed, in <paramref name="Unit"/>.</param>
/// <param name="Unit">For example tokens/s.</param>
/// <param name="Share">Time that the machine's floor allows ÷ time taken: 1 = as fast as memory or arithmetic permit.</param>
public sealed record BenchFigure(
    [property: JsonPropertyName("name")] string Name,
    [property: JsonPropertyName("value")] double Value,
    [property: JsonPropertyName("unit")] string Unit,
    [property: JsonPropertyName("share")] double Share)
{
    /// <summary>For judging by GRAM's own prompt, the published script's way in the same run.</summary>
    [JsonPropertyName("published"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public PublishedFigure? Published { get; init; }

    /// <summary>For a round robin, judging each of its pairs alone in the same run.</summary>
    [JsonPropertyName("alone"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public AloneFigure? Alone { get; init; }

    /// <summary>For a figure of several stages, each with its time and floor.</summary>
    [JsonPropertyName("stages"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<BenchStage>? Stages { get; init; }

    /// <summary>For a step that was run in turns with another kind, that one.</summary>
    [JsonPropertyName("beside"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public BesideFigure? Beside { get; init; }
}

/// <summary>What <c>bench --json</c> prints.</summary>
/// <param name="Machine">Processor, threads and system.</param>
/// <param name="Floors">The machine's own speeds, measured before and after the figures; the better of the two.</param>
/// <param name="Figures">Speeds of this project.</param>
public sealed record BenchReport(
    [property: JsonPropertyName("machine")] string Machine,
    [property: JsonPropertyName("floors")] MachineFloors Floors,
    [property: JsonPropertyName("figures")] IReadOnlyList<BenchFigure> Figures)
{
    /// <summary>This machine, in words.</summary>
    public static string DescribeMachine() => $"{Processor.Name}, {TorchSharp.torch.get_num_threads()} threads, {RuntimeInformation.OSDescription}";
}
