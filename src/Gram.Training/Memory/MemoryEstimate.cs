using Gram.Models.Transformer.Lora;
using static TorchSharp.torch;

namespace Gram.Training.Memory;

/// <summary>Bytes that training a model takes at its peak, from shapes alone: all its weights, or an adapter over them.</summary>
/// <param name="Weights">Float32 masters, and the bfloat16 copy that is computed with; under an adapter the weights that are computed with, and the adapter.</param>
/// <param name="Moments">AdamW's two moments.</param>
/// <param name="Gradients">Float32 sums, the bfloat16 gradients of one backward, and the embedding's, which a backward makes whole before it is added.</param>
/// <param name="Activations">What a micro-batch's forward keeps for its backward, and the room that both work in.</param>
public sealed record MemoryEstimate(long Weights, long Moments, long Gradients, long Activations)
{
    /// <summary>Blocks of logits, tokens, libtorch's own buffers.</summary>
    public const long Room = 64 << 20;

    /// <summary>All of it.</summary>
    public long Total => Weights + Moments + Gradients + Activations;

    /// <summary>Estimates a run.</summary>
    /// <param name="directory">The model: its shapes are read, its weights are not.</param>
    /// <param name="dtype">What is computed in.</param>
    /// <param name="rows">Rows of a micro-batch.</param>
    /// <param name="tokens">Tokens of the longest row.</param>
    /// <param name="checkpointing">Whether blocks keep their input alone.</param>
    /// <param name="fused">Whether norms, gates and attention are kernels with a gradient (a CPU), not operators that each keep their results.</param>
    /// <param name="eightBit">Whether moments are 8 bits a number where they may be.</param>
    /// <param name="lora">The adapter that alone is trained; null: all weights are.</param>
    /// <exception cref="Models.GramException">The model's files are missing or wrong, or the adapter is none of such a model.</exception>
    public static MemoryEstimate Of(string directory, ScalarType dtype, long rows, long tokens, bool checkpointing, bool fused = true, bool eightBit = false, LoraConfig? lora = null)
    {
        var model = ModelMemory.Read(directory, lora);
        return new(
            model.TrainedWeights(dtype), model.Moments(eightBit), model.Gradients(dtype) + model.EmbeddingGradient(dtype),
            model.Activations(dtype, rows * tokens, checkpointing, fused) + Room);
    }
}
