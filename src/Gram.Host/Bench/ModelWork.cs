using Gram.Models.Checkpoints;
using Gram.Models.Transformer;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Host.Bench;

/// <summary>What a forward must at least read and compute: parameters that multiply, and attention.</summary>
/// <param name="config">The model's shape.</param>
public sealed class ModelWork(ModelConfig config)
{
    /// <summary>Weights of all blocks' linear layers.</summary>
    public long BlockParameters { get; } = config.NumHiddenLayers * (
        (long)config.HiddenSize * config.HeadDim * (2 * config.NumAttentionHeads + 2 * config.NumKeyValueHeads) +
        3L * config.HiddenSize * config.IntermediateSize);

    /// <summary>Weights of the head.</summary>
    public long HeadParameters { get; } = (long)config.HiddenSize * config.VocabSize;

    /// <summary>
    /// Operations of a forward: 2 × parameters that multiply, for each token (the head only where logits are needed),
    /// and 4 × heads × headDim for each token and token it attends to.
    /// </summary>
    /// <param name="tokens">Tokens that run through the blocks.</param>
    /// <param name="logits">Positions that need all logits.</param>
    /// <param name="attended">Σ over tokens of the tokens that each attends to.</param>
    public double Forward(long tokens, long logits, double attended) =>
        2.0 * BlockParameters * tokens + 2.0 * HeadParameters * logits + 4.0 * config.NumHiddenLayers * config.NumAttentionHeads * config.HeadDim * attended;

    /// <summary>Tokens attended to by the causal rows of a batch: rows · n(n + 1)/2.</summary>
    public static double Causal(long rows, long tokens) => rows * tokens * (tokens + 1) / 2.0;

    /// <summary>Bytes of weights that a decode step reads: all but an untied embedding, of which it reads one row a token.</summary>
    public static double DecodeBytes(CausalLM model) => model.Parameters
        .Where(parameter => model.Config.TieWordEmbeddings || parameter.Key != "model.embed_tokens.weight")
        .Sum(parameter => (double)parameter.Value.numel() * parameter.Value.element_size());
}
