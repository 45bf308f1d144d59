using Gram.Models.Checkpoints;
using Gram.Models.Transformer.Lora;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Training.Memory;

/// <summary>Bytes that training a model takes at its peak, from shapes alone: all its weights, or an adapter over them.</summary>
/// <param name="Weights">Float32 masters, and the bfloat16 copy that is computed with; under an adapter the weights that are computed with, and the adapter.</param>
/// <param name="Moments">AdamW's two float32 moments.</param>
/// <param name="Gradients">Float32 sums, the bfloat16 gradients of one backward, and the embedding's, which a backward makes whole before it is added.</param>
/// <param name="Activations">What a micro-batch's forward keeps for its backward, and the room that both work in.</param>
public sealed record MemoryEstimate(long Weights, long Moments, long Gradients, long Activations)
{
    /// <summary>Blocks of logits, tokens, libtorch's own buffers.</summary>
    private const long Room = 64 << 20;

    private const int Float32 = 4;

    /// <summary>All of it.</summary>
    public long Total => Weights + Moments + Gradients + Activations;

    /// <summary>Estimates a run.</summary>
    /// <param name="directory">The model: its shapes are read, its weights are not.</param>
    /// <param name="dtype">What is computed in.</param>
    /// <param name="rows">Rows of a micro-batch.</param>
    /// <param name="tokens">Tokens of the longest row.</param>
    /// <param name="checkpointing">Whether blocks keep their input alone.</param>
    /// <param name="fused">Whether norms, gates and attention are kernels with a gradient (a CPU), not operators that each keep their results.</param>
    /// <param name="lora">The adapter that alone is trained; null: all weights are.</param>
    /// <exception cref="Models.GramException">The model's files are missing or wrong, or the adapter is none of such a model.</exception>
    public static MemoryEstimate Of(string directory, ScalarType dtype, long rows, long tokens, bool checkpointing, bool fused = true, LoraConfig? lora = null)
    {
        var config = ModelConfig.Read(directory);
        using var store = TensorStore.OpenDirectory(directory);
        var parameters = store.Names.Where(name => !(config.TieWordEmbeddings && name == "lm_head.weight")).Sum(name => store.Shape(name).Aggregate(1L, (product, size) => product * size));
        var width = dtype == ScalarType.Float32 ? 0 : 2; // of the copy, which float32 weights do without
        if (lora is not null) return Of(config, parameters, lora.SizeOver(config, "finetuning_type: lora"), lora.Dropout > 0, width == 0 ? Float32 : width, rows * tokens, checkpointing, fused);
        return new(
            parameters * (Float32 + width), 2 * parameters * Float32, (parameters * (Float32 + width)) + ((long)config.VocabSize * config.HiddenSize * (width == 0 ? Float32 : width)),
            ActivationsOf(config, width == 0 ? Float32 : width, rows * tokens, checkpointing, fused) + Room);
    }

    /// <summary>
    /// An adapter's moments, gradients and float32 weights are of its own size. Activations are those of the whole model (what frozen products do
    /// without, the low-rank ones keep), and of each adapter what lies between its factors; in bfloat16 its inputs in float32, under
    /// dropout what is left of them and the mask. The block at work has a second output, and a second gradient of the input, of each adapted product.
    /// </summary>
    private static MemoryEstimate Of(ModelConfig config, long parameters, LoraSize lora, bool drops, int size, long tokens, bool checkpointing, bool fused)
    {
        var copies = lora.Copies * (size == Float32 ? size : size + Float32); // with their masters
        long queries = config.NumAttentionHeads * config.HeadDim, wide = size == Float32 ? 0 : Float32 * ((2L * config.HiddenSize) + queries + config.IntermediateSize);
        var added = wide + (Float32 * (lora.Ranks + (drops ? 2 * lora.Inputs : 0)) / config.NumHiddenLayers);
        return new(
            (parameters * size) + (lora.Factors * Float32) + copies, 2 * lora.Parameters * Float32, (lora.Parameters * Float32) + (size == Float32 ? 0 : lora.Copies * size),
            ActivationsOf(config, size, tokens, checkpointing, fused, added) + (tokens * 2 * Float32 * lora.Inputs / config.NumHiddenLayers) + Room);
    }

    /// <summary>
    /// What a block keeps: the inputs of its norms and products, both sums, queries, keys and values, the attention's result, gate
    /// and up. Without kernels, the operators inside norms, rotation and gate keep theirs too. The backward gives back what it is done
    /// with as it goes. Checkpointed blocks leave their input, and one at a time works.
    /// </summary>
    private static long ActivationsOf(ModelConfig config, int size, long tokens, bool checkpointing, bool fused, long added = 0)
    {
        long layers = config.NumHiddenLayers, hidden = config.HiddenSize, inner = config.IntermediateSize, queries = config.NumAttentionHeads * config.HeadDim, keys = config.NumKeyValueHeads * config.HeadDim;
        var normed = config.ModelType == "qwen3" ? queries + keys : 0; // before their norms
        var block = added + (size * ((6 * hidden) + (2 * queries) + (2 * keys) + normed + (3 * inner)));
        if (!fused) block += (size * ((2 * hidden) + (2 * (queries + keys)) + inner)) + (2 * Float32 * hidden);
        return tokens * (checkpointing ? (layers * size * 2 * hidden) + (4 * block) : (layers + 1) * block);
    }
}
