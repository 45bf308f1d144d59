using Gram.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Scoring;

/// <summary>Float32 logits of a few words a token, [tokens, kept], made a block of the vocabulary at a time in forward and backward.</summary>
internal sealed class KeptLogits : autograd.SingleTensorFunction<KeptLogits>
{
    /// <inheritdoc/>
    public override string Name => nameof(KeptLogits);

    /// <summary>[tokens, kept] float32 logits.</summary>
    /// <param name="hidden">[tokens, hidden].</param>
    /// <param name="weight">[vocab, hidden] of the same dtype: a leaf, whose gradient is added to its grad by the backward itself.</param>
    /// <param name="kept">[tokens, kept] int64 words.</param>
    public static Tensor Of(Tensor hidden, Tensor weight, Tensor kept)
    {
        using var scope = NewDisposeScope();
        return apply(hidden, weight, kept).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        using var scope = NewDisposeScope();
        var (hidden, weight, kept) = ((Tensor)vars[0], (Tensor)vars[1], (Tensor)vars[2]);
        var picked = zeros(kept.shape, ScalarType.Float32, hidden.device);
        using var blocks = new HeadBlocks(hidden, weight);
        blocks.Forward(block =>
        {
            var (columns, elsewhere) = block.Find(kept);
            picked.add_(block.Logits.gather(1, columns).masked_fill_(elsewhere, 0)); // into float32
        });
        ctx.save_for_backward([hidden, weight, kept]);
        return picked.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var saved = ctx.get_saved_variables();
        using var blocks = new HeadBlocks(saved[0], saved[1]);
        var gradient = blocks.Backward(block =>
        {
            var (columns, elsewhere) = block.Find(saved[2]);
            block.Logits.zero_().scatter_add_(1, columns, grad_output.masked_fill(elsewhere, 0).to(block.Logits.dtype));
        });
        return Gradients.Return(grad_output, gradient?.DetachFromDisposeScope(), null, null);
    }
}
