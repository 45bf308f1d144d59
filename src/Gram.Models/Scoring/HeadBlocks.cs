using Gram.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Scoring;

/// <summary>
/// The product of hidden states and the head's weight, a block of the vocabulary at a time, so that no [tokens, vocab] is ever held.
/// Blocks of words and not of tokens: each row of the weight's gradient is then one product over all tokens, which is summed in
/// float32 whatever the dtype, and is written once. All blocks are made in the same memory: where the small results of one block were
/// put into the room of its freed logits, the next block's would find none.
/// </summary>
internal sealed class HeadBlocks : IDisposable
{
    /// <summary>Bytes of a block's float32 logits. Measured: smaller blocks pay for their calls, larger ones leave the processor's caches.</summary>
    internal const long BlockBytes = 8 << 20;
    /// <summary>Words of the narrowest block: what bounds a block where the tokens are many.</summary>
    internal const long NarrowestBlock = 256;

    private readonly Tensor hidden, weight;
    private readonly Tensor factor; // hidden in the dtype of products
    private readonly Tensor logitsRoom, productRoom; // [tokens · width] in float32, and in the dtype of products
    private readonly long tokens, vocabulary, width;
    private Tensor? spareRoom;

    /// <summary>Blocks of a product.</summary>
    /// <param name="hidden">[tokens, hidden].</param>
    /// <param name="weight">[vocab, hidden] of the same dtype.</param>
    public HeadBlocks(Tensor hidden, Tensor weight)
    {
        (this.hidden, this.weight) = (hidden, weight);
        factor = WideProducts.Takes(hidden) ? WideProducts.Widen(hidden) : hidden.alias();
        (tokens, vocabulary) = (hidden.size(0), weight.size(0));
        var widest = Math.Max(NarrowestBlock, BlockBytes / sizeof(float) / Math.Max(1, tokens));
        Count = (int)((vocabulary + widest - 1) / widest);
        width = (vocabulary + Count - 1) / Count;
        logitsRoom = Room(ScalarType.Float32);
        productRoom = factor.dtype == ScalarType.Float32 ? logitsRoom : Room(factor.dtype);
    }

    /// <summary>Number of blocks.</summary>
    public int Count { get; }

    /// <summary>Calls with each block, its logits float32 and rounded to the weight's dtype where products are.</summary>
    public void Forward(Action<HeadBlock> use)
    {
        for (var i = 0; i < Count; i++)
        {
            using var scope = NewDisposeScope();
            var words = weight.narrow(0, i * width, Math.Min(width, vocabulary - i * width));
            if (words.dtype != factor.dtype) words = WideProducts.Widen(words);
            var logits = View(logitsRoom, words);
            var product = View(productRoom, words).addmm_(factor, words.t(), 0, 1);
            if (product.dtype != ScalarType.Float32) logits.copy_(product);
            use(new HeadBlock(i, i * width, words, logits));
        }
    }

    /// <summary>
    /// Adds the gradient of the weight, where it requires one, to its grad, and returns that of hidden, where it requires one. The
    /// weight must be a leaf: autograd, given the gradient, would copy what is the largest tensor of a small model's step.
    /// (Megatron-LM's gradient accumulation fusion does the same.)
    /// </summary>
    /// <param name="gradient">From a block, with its logits as in the forward, to their gradient [tokens, words] float32.</param>
    public Tensor? Backward(Func<HeadBlock, Tensor> gradient)
    {
        using var scope = NewDisposeScope();
        var hiddenSum = hidden.requires_grad ? zeros(hidden.shape, ScalarType.Float32, hidden.device) : null;
        var part = hiddenSum is null || factor.dtype == ScalarType.Float32 ? hiddenSum : empty_like(factor, requires_grad: false);
        var earlier = weight.requires_grad ? weight.grad : null;
        var weightSum = weight.requires_grad ? earlier ?? empty(weight.shape, weight.dtype, weight.device) : null;
        Forward(block =>
        {
            var ofLogits = gradient(block);
            if (factor.dtype != ScalarType.Float32) ofLogits = View(productRoom, block.Words).copy_(ofLogits);
            if (hiddenSum is not null)
            {
                // The sum over blocks is float32, as one product's would be.
                part!.addmm_(ofLogits, block.Words, ReferenceEquals(part, hiddenSum) ? 1 : 0, 1);
                if (!ReferenceEquals(part, hiddenSum)) hiddenSum.add_(part);
            }
            if (weightSum is null) return;
            var rows = weightSum.narrow(0, block.Start, ofLogits.size(1));
            if (rows.dtype == factor.dtype) rows.addmm_(ofLogits.t(), factor, earlier is null ? 0 : 1, 1);
            else if (earlier is null) rows.copy_(ofLogits.t().mm(factor));
            else rows.add_(ofLogits.t().mm(factor));
        });
        if (weightSum is not null && earlier is null) weight.grad = weightSum;
        return hiddenSum?.to_type(hidden.dtype).MoveToOuterDisposeScope();
    }

    /// <summary>A copy of a block's logits in a room of its own, until the next block.</summary>
    public Tensor Copy(HeadBlock block) => View(spareRoom ??= Room(ScalarType.Float32), block.Words).copy_(block.Logits);

    /// <inheritdoc/>
    public void Dispose()
    {
        factor.Dispose();
        logitsRoom.Dispose();
        productRoom.Dispose();
        spareRoom?.Dispose();
    }

    private Tensor Room(ScalarType dtype) => empty(tokens * width, dtype: dtype, device: hidden.device).DetachFromDisposeScope();

    private Tensor View(Tensor room, Tensor words) => room.narrow(0, 0, tokens * words.size(0)).view(tokens, words.size(0));
}

/// <summary>Logits of some words that follow one another.</summary>
/// <param name="Index">The block's place.</param>
/// <param name="Start">Its first word.</param>
/// <param name="Words">[words, hidden] rows of the weight.</param>
/// <param name="Logits">[tokens, words] float32, which may be overwritten; the next block is.</param>
internal readonly record struct HeadBlock(int Index, long Start, Tensor Words, Tensor Logits)
{
    /// <summary>Where given words [tokens, n] lie in the block: their columns, and which of them are in another block (and have any column).</summary>
    public (Tensor Columns, Tensor Elsewhere) Find(Tensor words)
    {
        var columns = words - Start;
        var clamped = columns.clamp(0, Logits.size(1) - 1);
        return (clamped, clamped.ne(columns));
    }
}
