using Gram.BestOfN;
using Gram.Ppo;

namespace Gram.Rl;

/// <summary>What OpenTelemetry is told to listen to.</summary>
public static class GramTelemetry
{
    /// <summary>Names of the meters and activity sources; a reward server has its own (Gram.Serving's ServingTelemetry).</summary>
    public static IReadOnlyList<string> Names { get; } = [PpoTelemetry.Name, BestOfNTelemetry.Name];
}
