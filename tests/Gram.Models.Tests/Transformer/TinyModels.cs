using Gram.Models.Checkpoints;
using Gram.Models.Transformer;
using static TorchSharp.torch;

namespace Gram.Models.Tests.Transformer;

/// <summary>Random tiny models of every architecture, for properties that must hold whatever the sizes.</summary>
internal static class TinyModels
{
    public static IEnumerable<object[]> Cases =>
        from type in (string[])["llama", "qwen2", "qwen3"]
        from seed in (ulong[])[1, 2, 3]
        select new object[] { type, seed };

    public static ModelConfig Config(string type, ulong seed)
    {
        var random = new RandomSource(seed);
        var keyHeads = 1 + random.Next(3);
        var wide = seed % 3 == 0; // beyond whole steps of vectors
        var headDim = wide ? 16 * (3 + random.Next(3)) : 2 * (2 + random.Next(6));
        return new ModelConfig
        {
            ModelType = type,
            VocabSize = 30 + random.Next(40),
            HiddenSize = 8 * (wide ? 9 + random.Next(5) : 1 + random.Next(5)),
            IntermediateSize = 8 * (1 + random.Next(6)),
            NumHiddenLayers = 1 + random.Next(3),
            NumAttentionHeads = keyHeads * (1 + random.Next(3)),
            NumKeyValueHeads = keyHeads,
            HeadDim = headDim,
            MaxPositionEmbeddings = 64,
            RmsNormEps = 1e-5,
            RopeTheta = 10_000,
            RopeScaling = random.Next(2) == 0 ? null : new(8, 1, 4, 16),
            TieWordEmbeddings = random.Next(2) == 0,
            AttentionBias = type == "qwen2",
            InitializerRange = 0.3,
            BosTokenId = 1,
            EosTokenIds = [2],
        };
    }

    /// <summary>A model whose head is its embedding.</summary>
    public static CausalLM Tied(string type) => CausalLM.Create(Config(type, 1) with { TieWordEmbeddings = true }, new RandomSource(1));

    public static CausalLM Create(string type, ulong seed, ScalarType dtype = ScalarType.Float32)
    {
        var model = CausalLM.Create(Config(type, seed), new RandomSource(seed), dtype);
        using var noGrad = no_grad();
        // Norms of ones and biases of zeros would hide a norm or a bias that is left out.
        var random = new RandomSource(~seed);
        foreach (var vector in model.Parameters.Values.Where(parameter => parameter.dim() == 1)) vector.add_(tensor([.. Enumerable.Range(0, (int)vector.numel()).Select(_ => (float)(0.2 * random.NextGaussian()))], vector.dtype));
        return model;
    }
}
