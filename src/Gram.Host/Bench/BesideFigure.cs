using System.Text.Json.Serialization;

namespace Gram.Host.Bench;

/// <summary>Beside a step's speed: that of another kind of step, which was run in turns with it.</summary>
/// <param name="Name">The other kind.</param>
/// <param name="Value">Its speed, in the figure's unit.</param>
/// <param name="Cost">The figure's time ÷ the other kind's.</param>
/// <param name="FloorCost">The figure's floor ÷ the other kind's: what arithmetic and memory alone would make of it.</param>
/// <param name="Stages">The other kind's stages.</param>
public sealed record BesideFigure(
    [property: JsonPropertyName("name")] string Name,
    [property: JsonPropertyName("value")] double Value,
    [property: JsonPropertyName("cost")] double Cost,
    [property: JsonPropertyName("floor_cost")] double FloorCost,
    [property: JsonPropertyName("stages")] IReadOnlyList<BenchStage> Stages);
