namespace Gram.Models.Kernels;

/// <summary>
/// Attention of tokens that follow those of a cache, on a CPU: stores their keys and values, then attends to all. Shared out by rows,
/// key-value heads and, where those are few, by parts of the tokens.
/// </summary>
/// <typeparam name="T">float, or ushort for bfloat16.</typeparam>
internal sealed unsafe class CachedAttentionKernel<T>(AttentionShape shape, RotaryTable rotary) where T : unmanaged
{
    private const int UnitsOfAMember = 16; // later tokens see more keys: the parts of one head differ in time

    /// <summary>result = softmax(q · kᵀ / √headDim) · v over the cache's tokens and the new ones up to each.</summary>
    /// <param name="q">[rows, tokens, heads · headDim] before rotation.</param>
    /// <param name="k">[rows, tokens, kvHeads · headDim] before rotation.</param>
    /// <param name="v">[rows, tokens, kvHeads · headDim].</param>
    /// <param name="keys">[rows, kvHeads, capacity, headDim] of the cache.</param>
    /// <param name="values">[rows, kvHeads, capacity, headDim] of the cache.</param>
    /// <param name="capacity">Tokens that a row of the cache has room for.</param>
    /// <param name="lengths">[rows] tokens that it holds.</param>
    /// <param name="result">[rows, tokens, heads · headDim].</param>
    public void Forward(T* q, T* k, T* v, T* keys, T* values, int capacity, int[] lengths, T* result)
    {
        var team = Team.Shared();
        var (pairs, tokensAtOnce) = (shape.Rows * shape.KvHeads, QueryBlock.TokensAtOnce(shape.Group));
        var blocks = (shape.Tokens + tokensAtOnce - 1) / tokensAtOnce;
        var parts = Math.Clamp(UnitsOfAMember * team.Size / pairs, 1, blocks);
        var most = lengths.Max() + shape.Tokens;
        rotary.Reach(most);
        team.Run(member =>
        {
            using var buffers = new AttentionBuffers<T>(shape, rotary, most);
            while (team.Take(member, pairs, 1, out var pair, out _))
            {
                buffers.Begin(pair / shape.KvHeads, pair % shape.KvHeads);
                var past = lengths[pair / shape.KvHeads];
                for (var token = 0; token < shape.Tokens; token++)
                    buffers.Store(k, v, token, past + token, Place(keys, pair, past + token), Place(values, pair, past + token));
            }
            team.Barrier();
            while (team.Take(member, pairs * parts, 1, out var unit, out _))
            {
                var (pair, part) = (unit / parts, unit % parts);
                buffers.Begin(pair / shape.KvHeads, pair % shape.KvHeads);
                var past = lengths[pair / shape.KvHeads];
                int first = blocks * part / parts * tokensAtOnce, end = Math.Min(shape.Tokens, blocks * (part + 1) / parts * tokensAtOnce);
                buffers.ReadCached(Place(keys, pair, 0), Place(values, pair, 0), past + end);
                for (; first < end; first += tokensAtOnce)
                {
                    var block = buffers.Queries(q, first, tokensAtOnce, past);
                    buffers.Attend(block);
                    buffers.Write(buffers.Q, result, first, block.Count);
                }
            }
        });

        T* Place(T* of, int pair, int token) => of + ((((long)pair * capacity) + token) * shape.HeadDim);
    }
}
