using Gram.Models.Native;
using Gram.Models.Transformer;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Scoring;

/// <summary>Float32 log-probs and entropies of response tokens.</summary>
/// <param name="LogProbs">[rows, responseTokens] log-prob of each token under softmax(logits / temperature), renormalised over kept sets where there are any; 0 outside the mask.</param>
/// <param name="Entropy">[rows, responseTokens] entropy in nats of that distribution; 0 outside the mask.</param>
public sealed record TokenScores(Tensor LogProbs, Tensor Entropy) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose()
    {
        LogProbs.Dispose();
        Entropy.Dispose();
    }
}

/// <summary>Scores response tokens under a model, with gradients where they are enabled.</summary>
public static class TokenScorer
{
    /// <summary>Elements of a float32 block of given logits: bounds what the entropy's temporaries take.</summary>
    private const long BlockElements = 1 << 22;

    /// <summary>Scores a batch. The head runs only where a response token is predicted.</summary>
    /// <param name="model">The model.</param>
    /// <param name="batch">Prompts and responses.</param>
    /// <param name="temperature">Divides the logits, in float32, as when the tokens were drawn.</param>
    /// <param name="withEntropyGradient">Whether a gradient flows through the entropy too (an entropy bonus needs it).</param>
    public static TokenScores Score(CausalLM model, SequenceBatch batch, double temperature, bool withEntropyGradient = false)
    {
        using var scope = NewDisposeScope();
        return Outside(scope, Score(model, model.Hidden(batch.Tokens), batch, temperature, withEntropyGradient));
    }

    /// <summary>The same from hidden states [rows, tokens, hidden] already computed.</summary>
    public static TokenScores Score(CausalLM model, Tensor hidden, SequenceBatch batch, double temperature, bool withEntropyGradient = false)
    {
        using var scope = NewDisposeScope();
        var scores = Scatter(model, hidden, batch, temperature, withEntropyGradient ? EntropyUse.WithGradient : EntropyUse.Value);
        return Outside(scope, new TokenScores(scores[0], withEntropyGradient ? scores[1] : scores[1].detach()));
    }

    /// <summary>The log-probs of <see cref="Score(CausalLM, Tensor, SequenceBatch, double, bool)"/>, bit for bit, without the entropies.</summary>
    public static Tensor LogProbs(CausalLM model, Tensor hidden, SequenceBatch batch, double temperature)
    {
        using var scope = NewDisposeScope();
        return Scatter(model, hidden, batch, temperature, EntropyUse.None)[0].MoveToOuterDisposeScope();
    }

    /// <summary>[tokens] float32 log-prob of one word a hidden state under softmax(logits / temperature); the logits of all words are never held.</summary>
    /// <param name="model">The model whose head it is.</param>
    /// <param name="hidden">[tokens, hidden].</param>
    /// <param name="targets">[tokens] int64 words.</param>
    /// <param name="temperature">Divides the logits, in float32.</param>
    public static Tensor LogProbs(CausalLM model, Tensor hidden, Tensor targets, double temperature = 1)
    {
        using var scope = NewDisposeScope();
        return HeadLogProbs.Of(hidden, model.HeadWeight, targets, temperature, EntropyUse.None)[0].MoveToOuterDisposeScope();
    }

    /// <summary>Log-prob of one column a row, and the row's entropy, both [tokens]: log softmax(logits / temperature) in float32.</summary>
    /// <param name="logits">[tokens, columns]; −∞ takes a column out.</param>
    /// <param name="targets">[tokens] int64 columns.</param>
    /// <param name="temperature">Divides the logits.</param>
    /// <param name="withEntropyGradient">Whether a gradient flows through the entropy too.</param>
    public static TokenScores Score(Tensor logits, Tensor targets, double temperature, bool withEntropyGradient = false)
    {
        using var scope = NewDisposeScope();
        List<Tensor> logProbs = [], entropies = [];
        foreach (var (rows, rowTargets) in Blocks(logits, targets))
        {
            using var inner = NewDisposeScope();
            var all = LogSoftmax(rows, temperature);
            logProbs.Add(At(all, rowTargets).MoveToOuterDisposeScope());
            entropies.Add(Entropy(withEntropyGradient ? all : all.detach()).MoveToOuterDisposeScope());
        }
        return Outside(scope, new TokenScores(cat(logProbs), cat(entropies)));
    }

    /// <summary>Hidden states at the predicting positions, [rows, responseTokens, hidden] (for value heads too).</summary>
    public static Tensor Gather(Tensor hidden, SequenceBatch batch)
    {
        using var scope = NewDisposeScope();
        return Aten.Rows(hidden.flatten(0, 1), batch.FlatPositions).view(batch.Rows, batch.ResponseLength, -1).MoveToOuterDisposeScope();
    }

    /// <summary>[1, rows, responseTokens] log-probs, or [2, …] log-probs and entropies; 0 outside the mask.</summary>
    private static Tensor Scatter(CausalLM model, Tensor hidden, SequenceBatch batch, double temperature, EntropyUse entropy)
    {
        using var scope = NewDisposeScope();
        var flat = hidden.flatten(0, 1); // [rows · tokens, hidden]
        var kinds = entropy == EntropyUse.None ? 1 : 2;
        var all = zeros([kinds, batch.Rows * batch.ResponseLength], ScalarType.Float32, hidden.device);
        foreach (var group in batch.Groups)
        {
            var predicting = Aten.Rows(flat, group.Positions);
            var scores = group.Kept is null
                ? HeadLogProbs.Of(predicting, model.HeadWeight, group.Targets, temperature, entropy)
                : OfKept(KeptLogits.Of(predicting, model.HeadWeight, group.Kept).masked_fill(group.KeptPadding!, float.NegativeInfinity), group.Targets);
            all = all.scatter(1, group.Slots.expand(kinds, -1), scores);
        }
        return all.view(kinds, batch.Rows, batch.ResponseLength).MoveToOuterDisposeScope();

        Tensor OfKept(Tensor logits, Tensor targets)
        {
            var scores = Score(logits, targets, temperature, entropy == EntropyUse.WithGradient);
            return entropy == EntropyUse.None ? scores.LogProbs.unsqueeze(0) : stack([scores.LogProbs, scores.Entropy]);
        }
    }

    private static IEnumerable<(Tensor Logits, Tensor Targets)> Blocks(Tensor logits, Tensor targets)
    {
        var block = Math.Max(1, BlockElements / logits.size(1));
        return logits.split(block).Zip(targets.split(block));
    }

    /// <summary>[tokens, columns] in float32. Autograd keeps only the result.</summary>
    private static Tensor LogSoftmax(Tensor logits, double temperature)
    {
        using var scope = NewDisposeScope();
        return (temperature == 1 ? logits.to_type(ScalarType.Float32) : logits.to_type(ScalarType.Float32) / temperature).log_softmax(1).MoveToOuterDisposeScope();
    }

    /// <summary>[tokens]: a column of each row.</summary>
    private static Tensor At(Tensor rows, Tensor columns)
    {
        using var scope = NewDisposeScope();
        return rows.gather(1, columns.unsqueeze(1)).squeeze(1).MoveToOuterDisposeScope();
    }

    /// <summary>−Σ p·log p; a column of log-prob −∞ adds nothing.</summary>
    private static Tensor Entropy(Tensor logProbs)
    {
        using var scope = NewDisposeScope();
        return (logProbs.exp() * logProbs.masked_fill(logProbs.isneginf(), 0)).sum(1).neg().MoveToOuterDisposeScope();
    }

    private static TokenScores Outside(DisposeScope scope, TokenScores scores)
    {
        scope.MoveToOuter(scores.LogProbs, scores.Entropy);
        return scores;
    }
}
