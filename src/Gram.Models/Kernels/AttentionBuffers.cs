namespace Gram.Models.Kernels;

/// <summary>One row and key-value head of an attention in float32: heads lie token by token, query heads of a token one after another.</summary>
internal sealed unsafe class AttentionBuffers<T> : IDisposable where T : unmanaged
{
    private readonly AttentionShape shape;
    private readonly RotaryTable rotary;
    private readonly FloatBuffer memory;
    private int row, kvHead;

    /// <summary>Buffers for blocks of so many queries.</summary>
    public AttentionBuffers(AttentionShape shape, RotaryTable rotary, int queries)
    {
        (this.shape, this.rotary) = (shape, rotary);
        long heads = (long)shape.Tokens * shape.HeadDim, block = (long)queries * shape.HeadDim, scores = (long)queries * shape.Tokens;
        memory = new FloatBuffer((5 * Rounded(heads)) + (3 * Rounded(block)) + (3 * Rounded(scores)));
        var next = memory.Data;
        K = Next(heads);
        V = Next(heads);
        DK = Next(heads);
        DV = Next(heads);
        Part = Next(heads);
        Q = Next(block);
        O = Next(block);
        DO = Next(block);
        Scores = Next(scores);
        DScores = Next(scores);
        Transposed = Next(scores);

        float* Next(long length)
        {
            var place = next;
            next += Rounded(length);
            return place;
        }
    }

    /// <summary>[tokens, headDim] rotated keys.</summary>
    public float* K { get; }
    /// <summary>[tokens, headDim] values.</summary>
    public float* V { get; }
    /// <summary>[tokens, headDim] gradient of the rotated keys.</summary>
    public float* DK { get; }
    /// <summary>[tokens, headDim] gradient of the values.</summary>
    public float* DV { get; }
    /// <summary>[tokens, headDim] what a block adds to one of them.</summary>
    public float* Part { get; }
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
    /// <summary>[tokens, queries] one of the two, transposed.</summary>
    public float* Transposed { get; }

    /// <summary>Which part of the tensors is meant from now on.</summary>
    public void Begin(int ofRow, int ofKvHead) => (row, kvHead) = (ofRow, ofKvHead);

    /// <summary>Reads the keys, rotated, and the values.</summary>
    public void Read(T* k, T* v)
    {
        for (var token = 0; token < shape.Tokens; token++)
        {
            var key = K + ((long)token * shape.HeadDim);
            RowKernels.Widen(k + KeyAt(token), key, shape.HeadDim);
            RowKernels.Rotate(key, rotary.Cos(token), rotary.Sin(token), shape.HeadDim / 2);
            RowKernels.Widen(v + KeyAt(token), V + ((long)token * shape.HeadDim), shape.HeadDim);
        }
    }

    /// <summary>Reads a block's queries, rotated.</summary>
    public QueryBlock Queries(T* q, int first, int tokens)
    {
        var count = Math.Min(tokens, shape.Tokens - first) * shape.Group;
        Heads(q, Q, first, count);
        for (var i = 0; i < count; i++) RowKernels.Rotate(Q + ((long)i * shape.HeadDim), rotary.Cos(first + (i / shape.Group)), rotary.Sin(first + (i / shape.Group)), shape.HeadDim / 2);
        return new(first, count, shape.Group);
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
        for (var token = 0; token < shape.Tokens; token++)
        {
            var key = DK + ((long)token * shape.HeadDim);
            RowKernels.Unrotate(key, rotary.Cos(token), rotary.Sin(token), shape.HeadDim / 2);
            RowKernels.Narrow(key, dk + KeyAt(token), shape.HeadDim);
            RowKernels.Narrow(DV + ((long)token * shape.HeadDim), dv + KeyAt(token), shape.HeadDim);
        }
    }

    /// <summary>Place of a query's logSum in [rows, heads, tokens].</summary>
    public long LogSum(int first, int query) => ((((long)row * shape.Heads) + (kvHead * shape.Group) + (query % shape.Group)) * shape.Tokens) + first + (query / shape.Group);

    /// <inheritdoc/>
    public void Dispose() => memory.Dispose();

    private long QueryAt(int token) => (((long)row * shape.Tokens) + token) * shape.QueryWidth + ((long)kvHead * shape.Group * shape.HeadDim);

    private long KeyAt(int token) => (((long)row * shape.Tokens) + token) * shape.KeyWidth + ((long)kvHead * shape.HeadDim);

    private static long Rounded(long length) => (length + 15) / 16 * 16;
}
