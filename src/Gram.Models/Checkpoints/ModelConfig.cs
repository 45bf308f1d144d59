using System.Text.Json.Nodes;

namespace Gram.Models.Checkpoints;

/// <summary>Llama 3's frequency scaling of rotary embeddings (rope_type "llama3").</summary>
public sealed record RopeScaling(double Factor, double LowFreqFactor, double HighFreqFactor, int OriginalMaxPositionEmbeddings);

/// <summary>A decoder's shape, as config.json states it (old hub style and transformers 5's rope_parameters).</summary>
public sealed record ModelConfig
{
    /// <summary>config.json's model_type: llama, qwen2 or qwen3.</summary>
    public required string ModelType { get; init; }
    /// <summary>Rows of the embedding.</summary>
    public required int VocabSize { get; init; }
    /// <summary>Width of the residual stream.</summary>
    public required int HiddenSize { get; init; }
    /// <summary>Width inside the MLP.</summary>
    public required int IntermediateSize { get; init; }
    /// <summary>Number of blocks.</summary>
    public required int NumHiddenLayers { get; init; }
    /// <summary>Query heads.</summary>
    public required int NumAttentionHeads { get; init; }
    /// <summary>Key and value heads.</summary>
    public required int NumKeyValueHeads { get; init; }
    /// <summary>Width of a head.</summary>
    public required int HeadDim { get; init; }
    /// <summary>Longest context, in tokens.</summary>
    public required int MaxPositionEmbeddings { get; init; }
    /// <summary>Epsilon inside the RMS norms.</summary>
    public required double RmsNormEps { get; init; }
    /// <summary>Base of the rotary frequencies.</summary>
    public required double RopeTheta { get; init; }
    /// <summary>Llama 3's rope scaling, if any.</summary>
    public RopeScaling? RopeScaling { get; init; }
    /// <summary>Whether the head is the embedding.</summary>
    public required bool TieWordEmbeddings { get; init; }
    /// <summary>Whether q, k and v have biases.</summary>
    public bool AttentionBias { get; init; }
    /// <summary>Begin-of-text id, if any.</summary>
    public int? BosTokenId { get; init; }
    /// <summary>Padding id, if any.</summary>
    public int? PadTokenId { get; init; }
    /// <summary>All end tokens: of generation_config.json where it is present, else of config.json.</summary>
    public IReadOnlyList<int> EosTokenIds { get; init; } = [];
    /// <summary>config.json whole, so that saving keeps what this project does not read.</summary>
    public JsonObject? Raw { get; init; }

    /// <summary>Reads config.json and generation_config.json of a Hugging Face directory.</summary>
    /// <exception cref="GramException">A file is missing or wrong; the message names it.</exception>
    public static ModelConfig Read(string directory) => throw new NotImplementedException();
}
