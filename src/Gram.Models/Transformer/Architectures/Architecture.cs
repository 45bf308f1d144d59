using Gram.Models.Checkpoints;

namespace Gram.Models.Transformer.Architectures;

/// <summary>One weight of a model: its Hugging Face name and the shape that config.json implies.</summary>
internal readonly record struct ParameterShape(string Name, long[] Shape);

/// <summary>
/// What distinguishes one decoder family from the next. All are pre-norm blocks of grouped-query attention with rotary
/// positions and a SiLU-gated MLP; a new family is one file beside this one and one line in <see cref="Known"/>.
/// </summary>
internal sealed record Architecture(string ModelType, string ClassName)
{
    /// <summary>Every family that is built, in the order of the files.</summary>
    private static readonly Architecture[] Known = [Llama.Architecture, Qwen2.Architecture, Qwen3.Architecture];

    /// <summary>Whether q, k and v have biases.</summary>
    public bool QkvBias { get; init; }
    /// <summary>Whether queries and keys are normalised per head before rotation.</summary>
    public bool QueryKeyNorm { get; init; }

    /// <summary>The family of config.json's model_type.</summary>
    /// <exception cref="GramException">It is not built.</exception>
    public static Architecture Of(string modelType, string path = "config.json") => Known.FirstOrDefault(known => known.ModelType == modelType) ?? throw new GramException(
        $"{path}: model_type {modelType} is not supported ({string.Join(", ", Known.Select(known => known.ModelType))})");

    /// <summary>All weights, in the model's order. A tied head is the embedding and not listed.</summary>
    public IEnumerable<ParameterShape> Parameters(ModelConfig config)
    {
        long hidden = config.HiddenSize, inner = config.IntermediateSize, head = config.HeadDim;
        long queries = config.NumAttentionHeads * head, keys = config.NumKeyValueHeads * head;
        yield return new("model.embed_tokens.weight", [config.VocabSize, hidden]);
        for (var layer = 0; layer < config.NumHiddenLayers; layer++)
        {
            var prefix = Layer(layer);
            yield return new(prefix + "input_layernorm.weight", [hidden]);
            foreach (var (name, width) in ((string, long)[])[("q", queries), ("k", keys), ("v", keys)])
            {
                yield return new($"{prefix}self_attn.{name}_proj.weight", [width, hidden]);
                if (QkvBias) yield return new($"{prefix}self_attn.{name}_proj.bias", [width]);
            }
            if (QueryKeyNorm)
            {
                yield return new(prefix + "self_attn.q_norm.weight", [head]);
                yield return new(prefix + "self_attn.k_norm.weight", [head]);
            }
            yield return new(prefix + "self_attn.o_proj.weight", [hidden, queries]);
            yield return new(prefix + "post_attention_layernorm.weight", [hidden]);
            yield return new(prefix + "mlp.gate_proj.weight", [inner, hidden]);
            yield return new(prefix + "mlp.up_proj.weight", [inner, hidden]);
            yield return new(prefix + "mlp.down_proj.weight", [hidden, inner]);
        }
        yield return new("model.norm.weight", [hidden]);
        if (!config.TieWordEmbeddings) yield return new("lm_head.weight", [config.VocabSize, hidden]);
    }

    /// <summary>Prefix of a block's weights.</summary>
    public static string Layer(int layer) => $"model.layers.{layer}.";
}
