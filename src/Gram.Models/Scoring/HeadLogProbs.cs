using Gram.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Scoring;

/// <summary>
/// log softmax(hidden · weightᵀ / temperature) at a word a token, and the distributions' entropies, without their [tokens, vocab]:
/// the forward keeps each token's maximum and sum of exponentials, and the backward makes the logits again (Wijmans et al. 2024,
/// "Cut Your Losses in Large-Vocabulary Language Models"). One product in four for it; what the whole logits cost in memory traffic is more.
/// </summary>
internal sealed class HeadLogProbs : autograd.SingleTensorFunction<HeadLogProbs>
{
    /// <inheritdoc/>
    public override string Name => nameof(HeadLogProbs);

    /// <summary>[1, tokens] float32 log-probs, or [2, tokens] log-probs and entropies in nats.</summary>
    /// <param name="hidden">[tokens, hidden].</param>
    /// <param name="weight">[vocab, hidden] of the same dtype: a leaf, whose gradient is added to its grad by the backward itself.</param>
    /// <param name="targets">[tokens] int64 words.</param>
    /// <param name="temperature">Divides the logits, in float32.</param>
    /// <param name="entropy">Whether, and how, there is an entropy.</param>
    public static Tensor Of(Tensor hidden, Tensor weight, Tensor targets, double temperature, EntropyUse entropy)
    {
        using var scope = NewDisposeScope();
        return apply(hidden, weight, targets, new Settings(temperature, entropy)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        using var scope = NewDisposeScope();
        var (hidden, weight, targets, settings) = ((Tensor)vars[0], (Tensor)vars[1], (Tensor)vars[2], (Settings)vars[3]);
        var words = targets.unsqueeze(1);
        using var blocks = new HeadBlocks(hidden, weight);
        var target = zeros([hidden.size(0), 1], ScalarType.Float32, hidden.device); // logit of a token's word
        var (blockMax, blockSum, weighted) = (PerBlock(), PerBlock(), PerBlock()); // max z, Σ exp(z − max), Σ exp(z − max)·(z − max)
        blocks.Forward(block =>
        {
            var logits = block.Logits;
            if (settings.Temperature != 1) logits.div_(settings.Temperature);
            var (columns, elsewhere) = block.Find(words);
            target.add_(logits.gather(1, columns).masked_fill_(elsewhere, 0));
            var max = logits.amax([1], keepdim: true);
            blockMax.narrow(1, block.Index, 1).copy_(max);
            logits.sub_(max);
            var exp = (settings.Entropy == EntropyUse.None ? logits : blocks.Copy(block)).exp_();
            blockSum.narrow(1, block.Index, 1).copy_(exp.sum(1, keepdim: true));
            if (settings.Entropy != EntropyUse.None) weighted.narrow(1, block.Index, 1).copy_(exp.mul_(logits).sum(1, keepdim: true));
        });
        var top = blockMax.amax([1], keepdim: true); // the softmax is exp(z − top) / sum
        var below = blockMax - top;
        var scale = below.exp();
        var sum = (blockSum * scale).sum(1, keepdim: true);
        var logSum = sum.log();
        var logProbs = target - top - logSum;
        // H = log sum − Σ exp(z − top)·(z − top) / sum, gathered from the blocks' own maxima.
        var entropy = settings.Entropy == EntropyUse.None ? null : logSum - ((weighted + below * blockSum) * scale).sum(1, keepdim: true) / sum;
        ctx.save_for_backward([hidden, weight, targets, Outside(top), Outside(sum), Outside(entropy is null ? logSum : entropy.clone())]);
        ctx.save_data(nameof(Settings), settings);
        return Outside((entropy is null ? logProbs : cat([logProbs, entropy], 1)).t().contiguous());

        Tensor PerBlock() => zeros([hidden.size(0), blocks.Count], ScalarType.Float32, hidden.device);

        static Tensor Outside(Tensor tensor) => tensor.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var settings = (Settings)ctx.get_data(nameof(Settings));
        var saved = ctx.get_saved_variables();
        var (words, top, sum, entropy) = (saved[2].unsqueeze(1), saved[3], saved[4], saved[5]);
        var upstream = grad_output.t() / settings.Temperature; // [tokens, 1 or 2]
        var ofLogProb = upstream.narrow(1, 0, 1);
        var ofEntropy = settings.Entropy == EntropyUse.WithGradient ? upstream.narrow(1, 1, 1) : null;
        // With p = exp(z − top) / sum: d log p_target / dz = onehot − p, and dH/dz = −p·(log p + H).
        var constant = (ofEntropy is null ? -ofLogProb : ofEntropy * (sum.log() - entropy) - ofLogProb) / sum;
        var slope = ofEntropy is null ? null : -ofEntropy / sum;
        using var blocks = new HeadBlocks(saved[0], saved[1]);
        var gradient = blocks.Backward(block =>
        {
            var logits = block.Logits;
            if (settings.Temperature != 1) logits.div_(settings.Temperature);
            logits.sub_(top);
            var ofLogits = slope is null ? logits.exp_().mul_(constant) : blocks.Copy(block).exp_().mul_(logits.mul_(slope).add_(constant));
            var (columns, elsewhere) = block.Find(words);
            return ofLogits.scatter_add_(1, columns, ofLogProb.masked_fill(elsewhere, 0));
        });
        return Gradients.Return(ctx, gradient?.MoveToOuterDisposeScope(), null, null, null);
    }

    private sealed record Settings(double Temperature, EntropyUse Entropy);
}

/// <summary>What is made of the entropy beside log-probs.</summary>
internal enum EntropyUse
{
    /// <summary>It is not computed.</summary>
    None,
    /// <summary>Its value is wanted.</summary>
    Value,
    /// <summary>A gradient flows through it too.</summary>
    WithGradient,
}
