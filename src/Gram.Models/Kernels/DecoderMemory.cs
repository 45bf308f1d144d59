using Gram.Models.Checkpoints;

namespace Gram.Models.Kernels;

/// <summary>What a decoding step writes between its products: shared by the team, and each member's own.</summary>
internal sealed unsafe class DecoderMemory : IDisposable
{
    private readonly int rows, capacity;
    private readonly List<FloatBuffer> buffers = [];

    /// <summary>Memory for steps of so many rows, caches of so many places, a team of so many members, and adapters up to a rank.</summary>
    public DecoderMemory(ModelConfig config, int rows, int capacity, int members, int rank)
    {
        (this.rows, this.capacity) = (rows, capacity);
        var queries = config.NumAttentionHeads * config.HeadDim;
        X = New(rows * config.HiddenSize);
        Queries = New(rows * queries);
        Attended = New(rows * queries);
        Inner = New(rows * config.IntermediateSize);
        Members = [.. Enumerable.Range(0, members).Select(number => new Member(
            number,
            New(rows * config.HiddenSize),
            New(rows * config.HeadDim),
            New(rows * config.IntermediateSize),
            New(capacity),
            New(3L * rows * rank),
            New(DotProducts.ScratchLength(Math.Max(Math.Max(config.HiddenSize, queries), Math.Max(config.IntermediateSize, rank))))))];

        float* New(long length)
        {
            buffers.Add(new FloatBuffer(length));
            return buffers[^1].Data;
        }
    }

    /// <summary>[rows, hidden] residual stream.</summary>
    public float* X { get; }
    /// <summary>[rows, heads · headDim] queries.</summary>
    public float* Queries { get; }
    /// <summary>[rows, heads · headDim] attention's result.</summary>
    public float* Attended { get; }
    /// <summary>[rows, inner] the MLP's inner activations.</summary>
    public float* Inner { get; }
    /// <summary>Each member's own memory.</summary>
    public Member[] Members { get; }

    /// <summary>Whether it is large enough.</summary>
    public bool Fits(int wantedRows, int wantedCapacity, int wantedMembers) => wantedRows <= rows && wantedCapacity <= capacity && wantedMembers == Members.Length;

    /// <inheritdoc/>
    public void Dispose() => buffers.ForEach(buffer => buffer.Dispose());

    /// <summary>A member's own memory.</summary>
    public sealed class Member(int number, float* normed, float* head, float* up, float* scores, float* lowered, float* scratch)
    {
        /// <summary>Its number in the team.</summary>
        public int Number { get; } = number;
        /// <summary>[rows, hidden] after a norm.</summary>
        public float* Normed { get; } = normed;
        /// <summary>[rows, headDim] one key or value head.</summary>
        public float* Head { get; } = head;
        /// <summary>[rows, share of inner] up projections.</summary>
        public float* Up { get; } = up;
        /// <summary>[capacity] attention scores of one head.</summary>
        public float* Scores { get; } = scores;
        /// <summary>[3, rows, rank] what adapters have made of a stage's input, linear by linear.</summary>
        public float* Lowered { get; } = lowered;
        /// <summary>What <see cref="DotProducts"/> widens into.</summary>
        public float* Scratch { get; } = scratch;
    }
}
