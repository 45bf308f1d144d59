using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Models.Transformer;

namespace Gram.Reward.Tests.Training;

/// <summary>A two-block Llama of random weights.</summary>
internal static class TinyModel
{
    public static CausalLM Create(int vocabSize = 32) => CausalLM.Create(new ModelConfig
    {
        ModelType = "llama",
        VocabSize = vocabSize,
        HiddenSize = 16,
        IntermediateSize = 32,
        NumHiddenLayers = 2,
        NumAttentionHeads = 4,
        NumKeyValueHeads = 2,
        HeadDim = 4,
        MaxPositionEmbeddings = 128,
        RmsNormEps = 1e-6,
        RopeTheta = 10000,
        TieWordEmbeddings = false,
    }, new RandomSource(5));
}
