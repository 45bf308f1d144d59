using Gram.Models.Transformer;
using static TorchSharp.torch;

namespace Gram.Models.Scoring;

/// <summary>Float32 log-probs and entropies of response tokens.</summary>
/// <param name="LogProbs">[rows, responseTokens] log-prob of each token under softmax(logits / temperature), renormalised over kept sets where there are any; 0 outside the mask.</param>
/// <param name="Entropy">[rows, responseTokens] entropy in nats of that distribution; 0 outside the mask.</param>
public sealed record TokenScores(Tensor LogProbs, Tensor Entropy);

/// <summary>Scores response tokens under a model, with gradients where they are enabled.</summary>
public static class TokenScorer
{
    /// <summary>Scores a batch. The head runs only where a response token is predicted.</summary>
    public static TokenScores Score(CausalLM model, SequenceBatch batch, double temperature) => throw new NotImplementedException();
    /// <summary>The same from hidden states [rows, tokens, hidden] already computed.</summary>
    public static TokenScores Score(CausalLM model, Tensor hidden, SequenceBatch batch, double temperature) => throw new NotImplementedException();
    /// <summary>Hidden states at the predicting positions, [rows, responseTokens, hidden] (for value heads too).</summary>
    public static Tensor Gather(Tensor hidden, SequenceBatch batch) => throw new NotImplementedException();
}
