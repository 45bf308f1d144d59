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
    /// <summary>Logits of a block. Measured: smaller blocks pay for their calls, larger ones leave the processor's caches.</summary>
    internal const long BlockLogits = 2 << 20;
    /// <summary>Words of the narrowest block: what bounds a block where the tokens are many.</summary>
    internal const long NarrowestBlock = 256;

    private const long MostKept = 128 << 20; // bytes

    private readonly Tensor hidden, weight;
    private readonly Tensor factor; // hidden in the dtype of products
    private readonly Tensor room; // of a block, or of all
    private readonly bool hasAll, areMade;
    private readonly long tokens, vocabulary, width;

    /// <summary>Blocks of a product.</summary>
    /// <param name="hidden">[tokens, hidden].</param>
    /// <param name="weight">[vocab, hidden] of the same dtype.</param>
    /// <param name="all">What <see cref="RoomForAll"/> returned: the blocks stay, each in a place of its own.</param>
    /// <param name="areMade">Whether the blocks are in it already.</param>
    public HeadBlocks(Tensor hidden, Tensor weight, Tensor? all = null, bool areMade = false)
    {
        (this.hidden, this.weight, hasAll, this.areMade) = (hidden, weight, all is not null, areMade && all is not null);
        factor = WideProducts.Takes(hidden) ? WideProducts.Widen(hidden) : hidden.alias();
        (tokens, vocabulary) = (hidden.size(0), weight.size(0));
        var widest = Math.Max(NarrowestBlock, BlockLogits / Math.Max(1, tokens));
        Count = (int)((vocabulary + widest - 1) / widest);
        width = (vocabulary + Count - 1) / Count;
        room = (all?.alias() ?? empty(tokens * width, dtype: factor.dtype, device: hidden.device)).DetachFromDisposeScope();
    }

    /// <summary>
    /// Room in which the forward leaves its products for the backward, where they are few enough to be kept and no more than bfloat16:
    /// they need not be made twice, a tenth of a small model's step. Null elsewhere.
    /// </summary>
    public static Tensor? RoomForAll(Tensor hidden, Tensor weight)
    {
        var count = hidden.size(0) * weight.size(0);
        return hidden.dtype != ScalarType.BFloat16 || WideProducts.Takes(hidden) || count * hidden.element_size() > MostKept ? null : empty(count, dtype: hidden.dtype, device: hidden.device);
    }

    /// <summary>Number of blocks.</summary>
    public int Count { get; }

    /// <summary>Calls with each block.</summary>
    public void Forward(Action<HeadBlock> use)
    {
        for (var i = 0; i < Count; i++)
        {
            using var scope = NewDisposeScope();
            var words = weight.narrow(0, i * width, Math.Min(width, vocabulary - i * width));
            if (words.dtype != factor.dtype) words = WideProducts.Widen(words);
            var logits = room.narrow(0, hasAll ? i * width * tokens : 0, tokens * words.size(0)).view(tokens, words.size(0));
            if (!areMade) logits.addmm_(factor, words.t(), 0, 1);
            use(new HeadBlock(i * width, words, logits));
        }
    }

    /// <summary>
    /// Adds the gradient of the weight, where it requires one, to its grad, and returns that of hidden, where it requires one. The
    /// weight must be a leaf: autograd, given the gradient, would copy what is the largest tensor of a small model's step.
    /// (Megatron-LM's gradient accumulation fusion does the same.)
    /// </summary>
    /// <param name="differentiate">Overwrites the logits of a block, which are as in the forward, with their gradient.</param>
    public Tensor? Backward(Action<HeadBlock> differentiate)
    {
        using var scope = NewDisposeScope();
        var hiddenSum = hidden.requires_grad ? zeros(hidden.shape, ScalarType.Float32, hidden.device) : null;
        var part = hiddenSum is null || factor.dtype == ScalarType.Float32 ? hiddenSum : empty_like(factor, requires_grad: false);
        var earlier = weight.requires_grad ? weight.grad : null;
        var weightSum = weight.requires_grad ? earlier ?? empty(weight.shape, weight.dtype, weight.device) : null;
        Forward(block =>
        {
            differentiate(block);
            var ofLogits = block.Logits;
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

    /// <inheritdoc/>
    public void Dispose()
    {
        factor.Dispose();
        room.Dispose();
    }
}

/// <summary>Logits of some words that follow one another.</summary>
/// <param name="Start">The first of them.</param>
/// <param name="Words">[words, hidden] rows of the weight.</param>
/// <param name="Logits">[tokens, words] in the dtype of products, which may be overwritten; the next block is.</param>
internal readonly record struct HeadBlock(long Start, Tensor Words, Tensor Logits)
{
    /// <summary>Where given words [tokens, n] lie in the block: their columns, and which of them are in another block (and have any column).</summary>
    public (Tensor Columns, Tensor Elsewhere) Find(Tensor words)
    {
        var columns = words - Start;
        var clamped = columns.clamp(0, Logits.size(1) - 1);
        return (clamped, clamped.ne(columns));
    }
}
