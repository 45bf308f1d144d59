namespace Gram.Models.Kernels;

/// <summary>One row and key-value head of an attention in float32: heads lie token by token, query heads of a token one after another.</summary>
internal sealed unsafe class AttentionBuffers<T> : IDisposable where T : unmanaged
{
    private const int CacheLine = 16; // numbers

    private readonly AttentionShape shape;
    private readonly RotaryTable rotary;
    private readonly FloatBuffer memory;
    private AttentionSequence sequence = new(-1, 0, 0);
    private int kvHead, read; // of the keys, how many were read

    /// <summary>Buffers for so many keys.</summary>
    public AttentionBuffers(AttentionShape shape, RotaryTable rotary, int mostKeys)
    {
        var queries = QueryBlock.TokensAtOnce(shape.Group) * shape.Group;
        (this.shape, this.rotary) = (shape, rotary);
        Stride = Rounded(mostKeys, Elements.MostOfAStep) + CacheLine; // a power of two would put all rows into few lines of the nearest cache
        int heads = Rounded(mostKeys * shape.HeadDim, CacheLine), turned = Rounded(shape.HeadDim * Stride, CacheLine);
        int block = Rounded(queries * shape.HeadDim, CacheLine), scores = queries * Stride, sums = Rounded(queries, CacheLine);
        memory = new FloatBuffer((4L * heads) + (2L * turned) + (3L * block) + (2L * scores) + sums);
        Scale = (float)(1 / Math.Sqrt(shape.HeadDim));
        var next = memory.Data;
        K = Next(heads);
        V = Next(heads);
        DK = Next(heads);
        DV = Next(heads);
        KTransposed = Next(turned);
        VTransposed = Next(turned);
        Q = Next(block);
        O = Next(block);
        DO = Next(block);
        Scores = Next(scores);
        DScores = Next(scores);
        LogSums = Next(sums);
        new Span<float>(KTransposed, 2 * turned).Clear(); // what lies between the tokens and the stride

        float* Next(int length)
        {
            var place = next;
            next += length;
            return place;
        }
    }

    /// <summary>Of the scores, 1 / √headDim.</summary>
    public float Scale { get; }
    /// <summary>Distance of two rows of [..., tokens]: the tokens, rounded up to whole steps of vectors.</summary>
    public int Stride { get; }
    /// <summary>[tokens, headDim] rotated keys.</summary>
    public float* K { get; }
    /// <summary>[tokens, headDim] values.</summary>
    public float* V { get; }
    /// <summary>[tokens, headDim] gradient of the rotated keys.</summary>
    public float* DK { get; }
    /// <summary>[tokens, headDim] gradient of the values.</summary>
    public float* DV { get; }
    /// <summary>[headDim, tokens] rotated keys.</summary>
    public float* KTransposed { get; }
    /// <summary>[headDim, tokens] values.</summary>
    public float* VTransposed { get; }
    /// <summary>[queries, headDim] rotated queries, then what they attended to.</summary>
    public float* Q { get; }
    /// <summary>[queries, headDim] results, then the queries' gradient.</summary>
    public float* O { get; }
    /// <summary>[queries, headDim] gradient of the results.</summary>
    public float* DO { get; }
    /// <summary>[queries, tokens] scores, then probabilities.</summary>
    public float* Scores { get; }
    /// <summary>[queries, tokens] their gradient.</summary>
    public float* DScores { get; }
    /// <summary>[queries] logarithms of the softmaxes' sums.</summary>
    public float* LogSums { get; }

    /// <summary>Tokens of the part that is meant; its first is token 0 of what follows.</summary>
    public int Tokens => sequence.Tokens;

    /// <summary>Which part of the tensors is meant from now on: a row's.</summary>
    public void Begin(int row, int ofKvHead) => Begin(new AttentionSequence(row, 0, shape.Tokens), ofKvHead);

    /// <summary>Which part of the tensors is meant from now on: a sequence's.</summary>
    public void Begin(AttentionSequence of, int ofKvHead)
    {
        if ((sequence, kvHead) == (of, ofKvHead)) return;
        (sequence, kvHead, read) = (of, ofKvHead, 0);
    }

    /// <summary>Reads the keys, rotated, and the values.</summary>
    public void Read(T* k, T* v)
    {
        for (var token = 0; token < Tokens; token++)
        {
            var key = K + ((long)token * shape.HeadDim);
            RowKernels.Widen(k + KeyAt(token), key, shape.HeadDim);
            RowKernels.Rotate(key, rotary.Cos(token), rotary.Sin(token), shape.HeadDim / 2);
            RowKernels.Widen(v + KeyAt(token), V + ((long)token * shape.HeadDim), shape.HeadDim);
        }
        RowKernels.Transpose(K, Tokens, shape.HeadDim, KTransposed, Stride);
    }

    /// <summary>Reads keys, which are rotated, and values of a cache, as far as it has not yet done so since <see cref="Begin(AttentionSequence, int)"/>.</summary>
    /// <param name="k">[keys, headDim].</param>
    /// <param name="v">[keys, headDim].</param>
    /// <param name="keys">How many are needed.</param>
    public void ReadCached(T* k, T* v, int keys)
    {
        if (keys <= read) return;
        var (from, count) = ((long)read * shape.HeadDim, keys - read);
        RowKernels.Widen(k + from, K + from, count * shape.HeadDim);
        RowKernels.Widen(v + from, V + from, count * shape.HeadDim);
        RowKernels.Transpose(K + from, count, shape.HeadDim, KTransposed + read, Stride);
        read = keys;
    }

    /// <summary>Writes a token's key, rotated to a place, and value to [headDim] each.</summary>
    public void Store(T* k, T* v, int token, int place, T* key, T* value)
    {
        RowKernels.Widen(k + KeyAt(token), Q, shape.HeadDim);
        RowKernels.Rotate(Q, rotary.Cos(place), rotary.Sin(place), shape.HeadDim / 2);
        RowKernels.Narrow(Q, key, shape.HeadDim);
        new ReadOnlySpan<T>(v + KeyAt(token), shape.HeadDim).CopyTo(new Span<T>(value, shape.HeadDim));
    }

    /// <summary>Reads a block's queries, rotated; before the first token of the tensors there were <paramref name="past"/> others.</summary>
    public QueryBlock Queries(T* q, int first, int tokens, int past = 0)
    {
        var count = Math.Min(tokens, Tokens - first) * shape.Group;
        Heads(q, Q, first, count);
        for (var i = 0; i < count; i++) RowKernels.Rotate(Q + ((long)i * shape.HeadDim), rotary.Cos(past + first + (i / shape.Group)), rotary.Sin(past + first + (i / shape.Group)), shape.HeadDim / 2);
        return new(past + first, count, shape.Group);
    }

    /// <summary>Reads heads of a block from [rows, tokens, heads · headDim].</summary>
    public void Heads(T* from, float* to, int first, int count)
    {
        for (var i = 0; i < count; i += shape.Group) RowKernels.Widen(from + QueryAt(first + (i / shape.Group)), to + ((long)i * shape.HeadDim), shape.Group * shape.HeadDim);
    }

    /// <summary>Writes heads of a block.</summary>
    public void Write(float* from, T* to, int first, int count)
    {
        for (var i = 0; i < count; i += shape.Group) RowKernels.Narrow(from + ((long)i * shape.HeadDim), to + QueryAt(first + (i / shape.Group)), shape.Group * shape.HeadDim);
    }

    /// <summary>Takes the rotation off a gradient of rotated queries.</summary>
    public void Unrotate(float* heads, int first, int count)
    {
        for (var i = 0; i < count; i++) RowKernels.Unrotate(heads + ((long)i * shape.HeadDim), rotary.Cos(first + (i / shape.Group)), rotary.Sin(first + (i / shape.Group)), shape.HeadDim / 2);
    }

    /// <summary>Writes the gradients of keys, without their rotation, and of values.</summary>
    public void WriteKeys(T* dk, T* dv)
    {
        for (var token = 0; token < Tokens; token++)
        {
            var key = DK + ((long)token * shape.HeadDim);
            RowKernels.Unrotate(key, rotary.Cos(token), rotary.Sin(token), shape.HeadDim / 2);
            RowKernels.Narrow(key, dk + KeyAt(token), shape.HeadDim);
            RowKernels.Narrow(DV + ((long)token * shape.HeadDim), dv + KeyAt(token), shape.HeadDim);
        }
    }

    /// <summary>Q = softmax(Q · Kᵀ / √headDim) · V for a block, causal.</summary>
    public void Attend(QueryBlock block)
    {
        Multiply(block, Q, KTransposed, Scores);
        for (var i = 0; i < block.Count; i++)
        {
            // Whole vectors, and what lies past the query's own keys weighs nothing.
            var (scores, seen) = ((nint)(Scores + ((long)i * Stride)), block.Seen(i));
            var whole = Rounded(seen, CacheLine);
            new Span<float>((float*)scores + seen, whole - seen).Fill(float.NegativeInfinity);
            LogSums[i] = SoftmaxKernels.Softmax((float*)scores, whole, Scale);
            if (whole < block.Keys) new Span<float>((float*)scores + whole, block.Keys - whole).Clear();
        }
        Sum(block, Scores, V, Q);
    }

    /// <summary>scores[i, j] = x[i, :] · keys[:, j] of a block, j up to the next whole step of vectors.</summary>
    public void Multiply(QueryBlock block, float* x, float* keys, float* scores) =>
        WeightedSums.Of(new(x, shape.HeadDim, 1), block.Count, keys, Stride, shape.HeadDim, scores, Stride, Rounded(block.Keys, Elements.MostOfAStep));

    /// <summary>y[i, :] = Σ_j weights[i, j] · rows[j, :] of a block.</summary>
    public void Sum(QueryBlock block, float* weights, float* rows, float* y) =>
        WeightedSums.Of(new(weights, Stride, 1), block.Count, rows, shape.HeadDim, block.Keys, y, shape.HeadDim, shape.HeadDim);

    /// <summary>sums[j, :] += Σ_i weights[i, j] · rows[i, :] of a block.</summary>
    public void AddTransposed(QueryBlock block, float* weights, float* rows, float* sums) =>
        WeightedSums.Of(new(weights, 1, Stride), block.Keys, rows, shape.HeadDim, block.Count, sums, shape.HeadDim, shape.HeadDim, add: true);

    /// <summary>Place of a query's logSum in [rows, heads, tokens].</summary>
    public long LogSum(int first, int query) => ((((long)sequence.Row * shape.Heads) + (kvHead * shape.Group) + (query % shape.Group)) * shape.Tokens) + sequence.First + first + (query / shape.Group);

    /// <inheritdoc/>
    public void Dispose() => memory.Dispose();

    private long QueryAt(int token) => (((long)sequence.Row * shape.Tokens) + sequence.First + token) * shape.QueryWidth + ((long)kvHead * shape.Group * shape.HeadDim);

    private long KeyAt(int token) => (((long)sequence.Row * shape.Tokens) + sequence.First + token) * shape.KeyWidth + ((long)kvHead * shape.HeadDim);

    private static int Rounded(int length, int step) => (length + step - 1) / step * step;
}
