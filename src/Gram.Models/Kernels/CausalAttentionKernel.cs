namespace Gram.Models.Kernels;

/// <summary>
/// Causal attention of whole rows on a CPU, forward and backward, queries and keys rotated as they are read. Shared out by rows and
/// key-value heads, each in float32 buffers that stay in the processor's cache. libtorch's takes ten times as long in float32 and twenty
/// times in bfloat16 on processors that its matrix library does not know.
/// </summary>
/// <typeparam name="T">float, or ushort for bfloat16.</typeparam>
internal sealed unsafe class CausalAttentionKernel<T>(AttentionShape shape, RotaryTable rotary) where T : unmanaged
{
    private const int QueriesAtOnce = 64; // tokens · group, rounded up to whole tokens

    private readonly int tokensAtOnce = Math.Max(1, QueriesAtOnce / shape.Group);
    private readonly float scale = (float)(1 / Math.Sqrt(shape.HeadDim));

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
            for (var first = 0; first < shape.Tokens; first += tokensAtOnce)
            {
                var block = buffers.Queries(q, first, tokensAtOnce);
                DotProducts.Multiply(buffers.K, shape.HeadDim, 0, block.Keys, buffers.Q, block.Count, buffers.Scores, shape.Tokens);
                for (var i = 0; i < block.Count; i++)
                {
                    var scores = buffers.Scores + ((long)i * shape.Tokens);
                    logSums[buffers.LogSum(first, i)] = RowKernels.Softmax(scores, block.Seen(i), scale);
                    new Span<float>(scores + block.Seen(i), block.Keys - block.Seen(i)).Clear();
                }
                RowKernels.WeightedSums(buffers.Scores, shape.Tokens, block.Count, buffers.V, block.Keys, buffers.Q, shape.HeadDim);
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
            new Span<float>(buffers.DK, shape.Tokens * shape.HeadDim).Clear();
            new Span<float>(buffers.DV, shape.Tokens * shape.HeadDim).Clear();
            for (var first = 0; first < shape.Tokens; first += tokensAtOnce)
            {
                var block = buffers.Queries(q, first, tokensAtOnce);
                buffers.Heads(dResult, buffers.DO, first, block.Count);
                buffers.Heads(result, buffers.O, first, block.Count);
                DotProducts.Multiply(buffers.K, shape.HeadDim, 0, block.Keys, buffers.Q, block.Count, buffers.Scores, shape.Tokens);
                DotProducts.Multiply(buffers.V, shape.HeadDim, 0, block.Keys, buffers.DO, block.Count, buffers.DScores, shape.Tokens);
                for (var i = 0; i < block.Count; i++)
                {
                    var dot = DotProducts.Dot(buffers.DO + ((long)i * shape.HeadDim), buffers.O + ((long)i * shape.HeadDim), shape.HeadDim);
                    RowKernels.SoftmaxBackward(buffers.Scores + ((long)i * shape.Tokens), buffers.DScores + ((long)i * shape.Tokens), block.Seen(i), block.Keys, scale, logSums[buffers.LogSum(first, i)], dot);
                }
                Transposed(buffers, buffers.Scores, block, buffers.DO, buffers.DV);
                Transposed(buffers, buffers.DScores, block, buffers.Q, buffers.DK);
                RowKernels.WeightedSums(buffers.DScores, shape.Tokens, block.Count, buffers.K, block.Keys, buffers.O, shape.HeadDim);
                buffers.Unrotate(buffers.O, first, block.Count);
                buffers.Write(buffers.O, dq, first, block.Count);
            }
            buffers.WriteKeys(dk, dv);
        });
    }

    // sums[j, :] += Σ_i weights[i, j] · rows[i, :]
    private void Transposed(AttentionBuffers<T> buffers, float* weights, QueryBlock block, float* rows, float* sums)
    {
        RowKernels.Transpose(weights, block.Count, block.Keys, shape.Tokens, buffers.Transposed);
        RowKernels.WeightedSums(buffers.Transposed, block.Count, block.Keys, rows, block.Count, buffers.Part, shape.HeadDim);
        RowKernels.Add(sums, buffers.Part, block.Keys * shape.HeadDim);
    }

    private void Run(Action<AttentionBuffers<T>> unit)
    {
        var team = Team.Shared();
        rotary.Reach(shape.Tokens);
        team.Run(member =>
        {
            using var buffers = new AttentionBuffers<T>(shape, rotary, tokensAtOnce * shape.Group);
            while (team.Take(member, shape.Rows * shape.KvHeads, 1, out var index, out _))
            {
                buffers.Begin(index / shape.KvHeads, index % shape.KvHeads);
                unit(buffers);
            }
        });
    }
}

/// <summary>Queries that are computed together: those of some tokens, all heads of a group.</summary>
/// <param name="First">First token.</param>
/// <param name="Count">Queries.</param>
/// <param name="Group">Query heads of a token.</param>
internal readonly record struct QueryBlock(int First, int Count, int Group)
{
    /// <summary>Keys that the last query sees.</summary>
    public int Keys => Seen(Count - 1);

    /// <summary>Keys that a query sees.</summary>
    public int Seen(int query) => First + (query / Group) + 1;
}
