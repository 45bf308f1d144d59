using Gram.Models.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Training.Memory;

/// <summary>Bytes that training all weights of a model takes at its peak, from shapes alone.</summary>
/// <param name="Weights">Float32 masters, and the bfloat16 copy that is computed with.</param>
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
    /// <exception cref="Models.GramException">The model's files are missing or wrong.</exception>
    public static MemoryEstimate Of(string directory, ScalarType dtype, long rows, long tokens, bool checkpointing, bool fused = true)
    {
        var config = ModelConfig.Read(directory);
        using var store = TensorStore.OpenDirectory(directory);
        var parameters = store.Names.Where(name => !(config.TieWordEmbeddings && name == "lm_head.weight")).Sum(name => store.Shape(name).Aggregate(1L, (product, size) => product * size));
        var width = dtype == ScalarType.Float32 ? 0 : 2; // of the copy, which float32 weights do without
        return new(
            parameters * (Float32 + width), 2 * parameters * Float32, (parameters * (Float32 + width)) + ((long)config.VocabSize * config.HiddenSize * (width == 0 ? Float32 : width)),
            ActivationsOf(config, width == 0 ? Float32 : width, rows * tokens, checkpointing, fused) + Room);
    }

    /// <summary>
    /// What a block keeps: the inputs of its norms and products, both sums, queries, keys and values, the attention's result, gate
    /// and up. Without kernels, the operators inside norms, rotation and gate keep theirs too. The backward gives back what it is done
    /// with as it goes. Checkpointed blocks leave their input, and one at a time works.
    /// </summary>
    private static long ActivationsOf(ModelConfig config, int size, long tokens, bool checkpointing, bool fused)
    {
        long layers = config.NumHiddenLayers, hidden = config.HiddenSize, inner = config.IntermediateSize, queries = config.NumAttentionHeads * config.HeadDim, keys = config.NumKeyValueHeads * config.HeadDim;
        var normed = config.ModelType == "qwen3" ? queries + keys : 0; // before their norms
        var block = size * ((6 * hidden) + (2 * queries) + (2 * keys) + normed + (3 * inner));
        if (!fused) block += (size * ((2 * hidden) + (2 * (queries + keys)) + inner)) + (2 * Float32 * hidden);
        return tokens * (checkpointing ? (layers * size * 2 * hidden) + (4 * block) : (layers + 1) * block);
    }
}
