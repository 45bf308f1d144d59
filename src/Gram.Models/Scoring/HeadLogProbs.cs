using Gram.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Scoring;

/// <summary>
/// log softmax(hidden · weightᵀ / temperature) at a word a token, and the distributions' entropies, without their [tokens, vocab]:
/// the forward keeps each token's maximum and sum of exponentials (and few logits in bfloat16), and the backward makes the logits again (Wijmans et al. 2024,
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
        var keeps = is_grad_enabled() && (hidden.requires_grad || weight.requires_grad);
        return apply(hidden, weight, targets, new Settings(temperature, entropy, keeps)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        using var scope = NewDisposeScope();
        var (hidden, weight, targets, settings) = ((Tensor)vars[0], (Tensor)vars[1], (Tensor)vars[2], (Settings)vars[3]);
        var softmax = HeadSoftmax.Of(hidden, targets.unsqueeze(1), settings.Temperature, settings.Entropy);
        var kept = settings.KeepsLogits ? HeadBlocks.RoomForAll(hidden, weight) : null;
        using var blocks = new HeadBlocks(hidden, weight, kept);
        var sums = new SoftmaxSums(targets.unsqueeze(1));
        blocks.Forward(block => softmax.Read(block, sums));
        var (top, sum) = (sums.Top, sums.Sum); // the softmax is exp(z − top) / sum
        var logSum = sum.log();
        var logProbs = sums.Target - top - logSum;
        var entropy = settings.Entropy == EntropyUse.None ? null : logSum - (sums.Weighted / sum); // H = log sum − Σ exp(z − top)·(z − top) / sum
        ctx.save_for_backward([hidden, weight, targets, Outside(top), Outside(sum), Outside(entropy is null ? logSum : entropy.clone()), kept?.MoveToOuterDisposeScope()!]);
        ctx.save_data(nameof(Settings), settings);
        return Outside((entropy is null ? logProbs : cat([logProbs, entropy], 1)).t().contiguous());

        static Tensor Outside(Tensor tensor) => tensor.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var settings = (Settings)ctx.get_data(nameof(Settings));
        var saved = ctx.get_saved_variables();
        var (top, sum, entropy) = (saved[3], saved[4], saved[5]);
        var upstream = grad_output.t() / settings.Temperature; // [tokens, 1 or 2]
        var ofLogProb = upstream.narrow(1, 0, 1);
        var ofEntropy = settings.Entropy == EntropyUse.WithGradient ? upstream.narrow(1, 1, 1) : null;
        // With p = exp(z − top) / sum: d log p_target / dz = onehot − p, and dH/dz = −p·(log p + H).
        var constant = (ofEntropy is null ? -ofLogProb : ofEntropy * (sum.log() - entropy) - ofLogProb) / sum;
        var slope = ofEntropy is null ? null : -ofEntropy / sum;
        var softmax = HeadSoftmax.Of(saved[0], saved[2].unsqueeze(1), settings.Temperature, settings.Entropy);
        using var blocks = new HeadBlocks(saved[0], saved[1], saved[6], areMade: settings.KeepsLogits);
        settings.KeepsLogits = false; // a second backward of the same graph finds gradients in their place
        var gradient = blocks.Backward(block => softmax.Differentiate(block, top, slope, constant, ofLogProb));
        return Gradients.Return(grad_output, gradient?.DetachFromDisposeScope(), null, null, null);
    }

    private sealed class Settings(double temperature, EntropyUse entropy, bool keepsLogits)
    {
        public double Temperature { get; } = temperature;
        public EntropyUse Entropy { get; } = entropy;
        public bool KeepsLogits { get; set; } = keepsLogits;
    }
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
