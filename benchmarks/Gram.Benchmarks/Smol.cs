using Gram.Models;
using Gram.Models.Checkpoints;
using static TorchSharp.torch;

namespace Gram.Benchmarks;

/// <summary>Shapes of SmolLM2-135M, and tensors of them.</summary>
internal static class Smol
{
    public const int Vocabulary = 49152, Hidden = 576, Inner = 1536, Heads = 9, KeyHeads = 3, HeadDim = 64, Layers = 30;

    /// <summary>Normal numbers in a dtype; a seed of its own for each shape is not needed, values do not change the time.</summary>
    public static Tensor Normal(ScalarType dtype, params long[] shape)
    {
        using var wide = randn(shape);
        return wide.to(dtype).DetachFromDisposeScope();
    }

    /// <summary>The model's shape with fewer layers.</summary>
    public static ModelConfig Config(int layers) => new()
    {
        ModelType = "llama",
        VocabSize = Vocabulary,
        HiddenSize = Hidden,
        IntermediateSize = Inner,
        NumHiddenLayers = layers,
        NumAttentionHeads = Heads,
        NumKeyValueHeads = KeyHeads,
        HeadDim = HeadDim,
        MaxPositionEmbeddings = 8192,
        RmsNormEps = 1e-5,
        RopeTheta = 100_000,
        TieWordEmbeddings = true,
        EosTokenIds = [2],
    };
}
