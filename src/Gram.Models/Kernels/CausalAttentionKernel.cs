using Gram.Models.Transformer;

namespace Gram.Models.Kernels;

/// <summary>
/// Causal attention of whole rows, or of the sequences packed in them, on a CPU, forward and backward, queries and keys rotated as they
/// are read. Shared out by sequences and key-value heads, each in float32 buffers that stay in the processor's cache. On processors that libtorch's matrix
/// library does not know, its own takes several times as long.
/// </summary>
/// <typeparam name="T">float, or ushort for bfloat16.</typeparam>
internal sealed unsafe class CausalAttentionKernel<T>(AttentionShape shape, RotaryTable rotary, PackedRows? packed = null) where T : unmanaged
{
    private readonly int tokensAtOnce = QueryBlock.TokensAtOnce(shape.Group);

    /// <summary>out = softmax(q · kᵀ / √headDim) · v, and the logarithm of each softmax's sum.</summary>
    /// <param name="q">[rows, tokens, heads · headDim] before rotation.</param>
    /// <param name="k">[rows, tokens, kvHeads · headDim] before rotation.</param>
    /// <param name="v">[rows, tokens, kvHeads · headDim].</param>
    /// <param name="result">[rows, tokens, heads · headDim].</param>
    /// <param name="logSums">[rows, heads, tokens] float32.</param>
    public void Forward(T* q, T* k, T* v, T* result, float* logSums)
    {
        Run(buffers =>
        {
            buffers.Read(k, v);
            for (var first = 0; first < buffers.Tokens; first += tokensAtOnce)
            {
                var block = buffers.Queries(q, first, tokensAtOnce);
                buffers.Attend(block);
                for (var i = 0; i < block.Count; i++) logSums[buffers.LogSum(first, i)] = buffers.LogSums[i];
                buffers.Write(buffers.Q, result, first, block.Count);
            }
        });
    }

    /// <summary>
    /// Gradients of the three inputs: with P = softmax(S) made again from its logSums, dV = Pᵀ·dO, dS = P ∘ (dO·Vᵀ − rowsum(dO ∘ O)),
    /// dQ = dS·K / √headDim, dK = dSᵀ·Q / √headDim (Dao et al. 2022, FlashAttention, appendix B).
    /// </summary>
    public void Backward(T* q, T* k, T* v, T* result, float* logSums, T* dResult, T* dq, T* dk, T* dv)
    {
        Run(buffers =>
        {
            buffers.Read(k, v);
            RowKernels.Transpose(buffers.V, buffers.Tokens, shape.HeadDim, buffers.VTransposed, buffers.Stride);
            new Span<float>(buffers.DK, buffers.Tokens * shape.HeadDim).Clear();
            new Span<float>(buffers.DV, buffers.Tokens * shape.HeadDim).Clear();
            for (var first = 0; first < buffers.Tokens; first += tokensAtOnce)
            {
                var block = buffers.Queries(q, first, tokensAtOnce);
                buffers.Heads(dResult, buffers.DO, first, block.Count);
                buffers.Heads(result, buffers.O, first, block.Count);
                buffers.Multiply(block, buffers.Q, buffers.KTransposed, buffers.Scores);
                buffers.Multiply(block, buffers.DO, buffers.VTransposed, buffers.DScores);
                for (var i = 0; i < block.Count; i++)
                {
                    var dot = DotProducts.Dot(buffers.DO + ((long)i * shape.HeadDim), buffers.O + ((long)i * shape.HeadDim), shape.HeadDim);
                    SoftmaxKernels.Backward(buffers.Scores + ((long)i * buffers.Stride), buffers.DScores + ((long)i * buffers.Stride), block.Seen(i), block.Keys, buffers.Scale, logSums[buffers.LogSum(first, i)], dot);
                }
                buffers.AddTransposed(block, buffers.Scores, buffers.DO, buffers.DV);
                buffers.AddTransposed(block, buffers.DScores, buffers.Q, buffers.DK);
                buffers.Sum(block, buffers.DScores, buffers.K, buffers.O);
                buffers.Unrotate(buffers.O, first, block.Count);
                buffers.Write(buffers.O, dq, first, block.Count);
            }
            buffers.WriteKeys(dk, dv);
        });
    }

    private void Run(Action<AttentionBuffers<T>> unit)
    {
        var team = Team.Shared();
        var (longest, sequences) = (packed?.Longest ?? shape.Tokens, packed?.Sequences.Count ?? shape.Rows);
        rotary.Reach(longest);
        team.Run(member =>
        {
            using var buffers = new AttentionBuffers<T>(shape, rotary, longest);
            while (team.Take(member, sequences * shape.KvHeads, 1, out var index, out _))
            {
                if (packed is null) buffers.Begin(index / shape.KvHeads, index % shape.KvHeads);
                else buffers.Begin(packed.Sequences[index / shape.KvHeads], index % shape.KvHeads);
                unit(buffers);
            }
        });
    }
}
