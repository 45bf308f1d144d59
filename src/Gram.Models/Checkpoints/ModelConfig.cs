using System.Text.Json.Nodes;
using Gram.Models.Transformer.Architectures;

namespace Gram.Models.Checkpoints;

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
    /// <summary>Whether q, k and v have biases (Qwen2's always do).</summary>
    public bool AttentionBias { get; init; }
    /// <summary>Standard deviation of random initial weights.</summary>
    public double InitializerRange { get; init; } = 0.02;
    /// <summary>Begin-of-text id, if any.</summary>
    public int? BosTokenId { get; init; }
    /// <summary>Padding id, if any.</summary>
    public int? PadTokenId { get; init; }
    /// <summary>All end tokens: of generation_config.json where it is present, else of config.json.</summary>
    public IReadOnlyList<int> EosTokenIds { get; init; } = [];
    /// <summary>config.json whole, so that saving keeps what this project does not read.</summary>
    public JsonObject? Raw { get; init; }
    /// <summary>generation_config.json whole, for the same reason; null where there was none.</summary>
    public JsonObject? RawGeneration { get; init; }

    /// <summary>Reads config.json and generation_config.json of a Hugging Face directory.</summary>
    /// <exception cref="GramException">A file is missing or wrong; the message names it.</exception>
    public static ModelConfig Read(string directory)
    {
        var file = JsonFile.Read(Path.Combine(directory, "config.json"));
        var type = file.Required("model_type", file.Text("model_type"));
        var architecture = Architecture.Of(type, file.Path);
        RefuseWhatIsNotBuilt(file, architecture);

        var hidden = file.Required("hidden_size", file.Integer("hidden_size"));
        var heads = file.Required("num_attention_heads", file.Integer("num_attention_heads"));
        var vocabulary = file.Required("vocab_size", file.Integer("vocab_size"));
        var rope = file.Object("rope_parameters");
        var generation = GenerationConfig.Read(directory);
        var config = new ModelConfig
        {
            ModelType = type,
            VocabSize = vocabulary,
            HiddenSize = hidden,
            IntermediateSize = file.Required("intermediate_size", file.Integer("intermediate_size")),
            NumHiddenLayers = file.Required("num_hidden_layers", file.Integer("num_hidden_layers")),
            NumAttentionHeads = heads,
            NumKeyValueHeads = file.Integer("num_key_value_heads") ?? heads,
            HeadDim = file.Integer("head_dim") ?? (heads > 0 ? hidden / heads : 0),
            MaxPositionEmbeddings = file.Required("max_position_embeddings", file.Integer("max_position_embeddings")),
            RmsNormEps = file.Number("rms_norm_eps") ?? 1e-6,
            RopeTheta = rope?.Number("rope_theta") ?? file.Number("rope_theta") ?? 10_000,
            RopeScaling = RopeScaling.Read(rope ?? file.Object("rope_scaling")),
            TieWordEmbeddings = file.Flag("tie_word_embeddings") ?? false,
            AttentionBias = architecture.QkvBias,
            InitializerRange = file.Number("initializer_range") ?? 0.02,
            BosTokenId = file.Integer("bos_token_id"),
            PadTokenId = (file.Integer("pad_token_id") ?? generation?.PadTokenId) is { } pad && pad >= 0 && pad < vocabulary ? pad : null, // −1, and a token that the embedding has no row for, mean none
            EosTokenIds = generation is { EosTokenIds.Count: > 0 } ? generation.EosTokenIds : file.Integers("eos_token_id") ?? [],
            Raw = file.Root,
            RawGeneration = generation?.Raw,
        };
        config.Validate(file.Path);
        return config;
    }

    /// <summary>The same shape with a head of its own.</summary>
    internal ModelConfig Untied()
    {
        var raw = (JsonObject?)Raw?.DeepClone();
        raw?["tie_word_embeddings"] = false;
        return this with { TieWordEmbeddings = false, Raw = raw };
    }

    /// <summary>config.json of this shape, as the hub writes it (for models that were not read from one).</summary>
    /// <param name="dtype">Stored dtype: float32, bfloat16 or float16.</param>
    public JsonObject ToJson(string dtype = "float32")
    {
        var json = new JsonObject
        {
            ["architectures"] = new JsonArray(Architecture.Of(ModelType).ClassName),
            ["attention_bias"] = AttentionBias,
            ["attention_dropout"] = 0.0,
            ["bos_token_id"] = BosTokenId,
            ["eos_token_id"] = EosTokenIds switch { [] => null, [var one] => one, var several => new JsonArray([.. several.Select(id => (JsonNode)id)]) },
            ["head_dim"] = HeadDim,
            ["hidden_act"] = "silu",
            ["hidden_size"] = HiddenSize,
            ["initializer_range"] = InitializerRange,
            ["intermediate_size"] = IntermediateSize,
            ["max_position_embeddings"] = MaxPositionEmbeddings,
            ["model_type"] = ModelType,
            ["num_attention_heads"] = NumAttentionHeads,
            ["num_hidden_layers"] = NumHiddenLayers,
            ["num_key_value_heads"] = NumKeyValueHeads,
            ["pad_token_id"] = PadTokenId,
            ["rms_norm_eps"] = RmsNormEps,
            ["rope_scaling"] = RopeScaling is not { } scaling ? null : new JsonObject
            {
                ["rope_type"] = "llama3",
                ["factor"] = scaling.Factor,
                ["low_freq_factor"] = scaling.LowFreqFactor,
                ["high_freq_factor"] = scaling.HighFreqFactor,
                ["original_max_position_embeddings"] = scaling.OriginalMaxPositionEmbeddings,
            },
            ["rope_theta"] = RopeTheta,
            ["tie_word_embeddings"] = TieWordEmbeddings,
            ["torch_dtype"] = dtype,
            ["use_cache"] = true,
            ["vocab_size"] = VocabSize,
        };
        return json;
    }

    /// <summary>Refuses settings that would change the numbers and are not built: never ignored in silence.</summary>
    private static void RefuseWhatIsNotBuilt(JsonFile file, Architecture architecture)
    {
        // Qwen's window holds only where use_sliding_window switches it on; Llama has none.
        if (architecture.ModelType != "llama" && file.Flag("use_sliding_window") == true && file.Integer("sliding_window") is { } window)
            throw new GramException($"{file.Path}: use_sliding_window is true (sliding_window {window}), which is not supported: only full attention is");
        if (file.Root["layer_types"] is JsonArray layers && layers.FirstOrDefault(layer => layer?.ToString() != "full_attention") is { } other)
            throw new GramException($"{file.Path}: layer_types holds {other}, which is not supported: only full_attention is");
        if (file.Text("hidden_act") is { } activation && activation != "silu")
            throw new GramException($"{file.Path}: hidden_act {activation} is not supported: only silu is");
        if (!architecture.QkvBias && file.Flag("attention_bias") == true)
            throw new GramException($"{file.Path}: attention_bias true is not supported for {architecture.ModelType}");
        if (file.Flag("mlp_bias") == true)
            throw new GramException($"{file.Path}: mlp_bias true is not supported");
        if (file.Root["quantization_config"] is not null)
            throw new GramException($"{file.Path}: quantization_config is not supported: name a checkpoint in float32, bfloat16 or float16");
    }

    private void Validate(string path)
    {
        Positive("vocab_size", VocabSize);
        Positive("hidden_size", HiddenSize);
        Positive("intermediate_size", IntermediateSize);
        Positive("num_hidden_layers", NumHiddenLayers);
        Positive("num_attention_heads", NumAttentionHeads);
        Positive("num_key_value_heads", NumKeyValueHeads);
        Positive("head_dim", HeadDim);
        Positive("max_position_embeddings", MaxPositionEmbeddings);
        Positive("rms_norm_eps", RmsNormEps);
        Positive("rope_theta", RopeTheta);
        if (NumAttentionHeads % NumKeyValueHeads != 0)
            throw new GramException($"{path}: num_attention_heads {NumAttentionHeads} is not a multiple of num_key_value_heads {NumKeyValueHeads}");
        if (Raw?["head_dim"] is null && HiddenSize % NumAttentionHeads != 0)
            throw new GramException($"{path}: hidden_size {HiddenSize} is not a multiple of num_attention_heads {NumAttentionHeads}, and head_dim is missing");
        if (HeadDim % 2 != 0)
            throw new GramException($"{path}: head_dim {HeadDim} is odd: rotary embeddings need an even one");
        if (EosTokenIds.Where(id => id < 0 || id >= VocabSize).Cast<int?>().FirstOrDefault() is { } id)
            throw new GramException($"{path} (or generation_config.json beside it): end token {id} is outside the vocabulary of {VocabSize}");

        void Positive(string key, double value)
        {
            if (!(value > 0) || double.IsInfinity(value)) throw new GramException($"{path}: {key} is {value}, must be above 0");
        }
    }
}
