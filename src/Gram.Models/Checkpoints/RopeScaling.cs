namespace Gram.Models.Checkpoints;

/// <summary>Llama 3's frequency scaling of rotary embeddings (rope_type "llama3").</summary>
/// <param name="Factor">How many times longer the context became.</param>
/// <param name="LowFreqFactor">Wavelengths above OriginalMaxPositionEmbeddings / this are scaled in full.</param>
/// <param name="HighFreqFactor">Wavelengths below OriginalMaxPositionEmbeddings / this are left alone.</param>
/// <param name="OriginalMaxPositionEmbeddings">Context, in tokens, before it was made longer.</param>
public sealed record RopeScaling(double Factor, double LowFreqFactor, double HighFreqFactor, int OriginalMaxPositionEmbeddings)
{
    /// <summary>Reads rope_scaling (hub) or rope_parameters (transformers 5): null for plain rotary embeddings.</summary>
    internal static RopeScaling? Read(JsonFile? rope)
    {
        if (rope is null) return null;
        switch (rope.Text("rope_type") ?? rope.Text("type"))
        {
            case null or "default":
                return null;
            case "llama3":
                var scaling = new RopeScaling(
                    rope.Required("factor", rope.Number("factor")),
                    rope.Required("low_freq_factor", rope.Number("low_freq_factor")),
                    rope.Required("high_freq_factor", rope.Number("high_freq_factor")),
                    rope.Required("original_max_position_embeddings", rope.Integer("original_max_position_embeddings")));
                if (scaling is { Factor: >= 1, LowFreqFactor: > 0, OriginalMaxPositionEmbeddings: > 0 } && scaling.HighFreqFactor > scaling.LowFreqFactor) return scaling;
                throw new GramException($"{rope.Path}: llama3 rope scaling needs factor ≥ 1 and high_freq_factor > low_freq_factor > 0, has {scaling.Factor}, {scaling.HighFreqFactor}, {scaling.LowFreqFactor}");
            case var type:
                throw new GramException($"{rope.Path}: rope_type {type} is not supported (default, llama3)");
        }
    }
}
