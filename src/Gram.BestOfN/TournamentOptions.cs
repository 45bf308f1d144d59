using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Configuration;

namespace Gram.BestOfN;

/// <summary>Which tournament ranks answers.</summary>
public sealed record TournamentOptions
{
    /// <summary>linear, knockout, round_robin or adaptive.</summary>
    [ConfigurationKeyName("method"), AllowedValues("linear", "knockout", "round_robin", "adaptive"), Description("how answers meet: one after the other, in rounds of pairs, all of them, or the pair that tells most until the best is known")]
    public string Method { get; init; } = "knockout";

    /// <summary>adaptive: stops when the leader is the best with this probability.</summary>
    [ConfigurationKeyName("confidence"), Description("adaptive: stops when the leader is the best with this probability"), Range(0.0, 1.0)]
    public double Confidence { get; init; } = AdaptiveTournament.DefaultConfidence;

    /// <summary>The tournament.</summary>
    public ITournament Create() => Tournament.ByName(Method, Confidence);
}
