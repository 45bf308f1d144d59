using Gram.Models.Checkpoints;

namespace Gram.Models.Kernels;

/// <summary>What a forward writes between its products: shared by the team, and each member's own.</summary>
internal sealed unsafe class ForwardMemory : IDisposable
{
    private readonly int capacity;
    private readonly List<FloatBuffer> buffers = [];

    /// <summary>Memory for so many tokens at a time, queries of one key-value head, places of the cache, members of the team, and adapters up to a rank.</summary>
    public ForwardMemory(ModelConfig config, int tokens, int queries, int capacity, int members, int rank)
    {
        this.capacity = capacity;
        var attended = config.NumAttentionHeads * config.HeadDim;
        X = New(tokens * config.HiddenSize);
        Queries = New(tokens * attended);
        Attended = New(tokens * attended);
        Inner = New(tokens * config.IntermediateSize);
        Members = [.. Enumerable.Range(0, members).Select(number => new Member
        {
            Number = number,
            Normed = New(tokens * config.HiddenSize),
            Arranged = New((long)tokens * Math.Max(Math.Max(config.HiddenSize, attended), config.IntermediateSize)),
            Head = New(tokens * config.HeadDim),
            Up = New(tokens * config.IntermediateSize),
            Queries = New(queries * config.HeadDim),
            Scores = New((long)queries * capacity),
            Lowered = New(3L * tokens * rank),
        })];

        float* New(long length)
        {
            buffers.Add(new FloatBuffer(length));
            return buffers[^1].Data;
        }
    }

    /// <summary>[tokens, hidden] residual stream.</summary>
    public float* X { get; }
    /// <summary>[tokens, heads · headDim] queries.</summary>
    public float* Queries { get; }
    /// <summary>[tokens, heads · headDim] attention's result.</summary>
    public float* Attended { get; }
    /// <summary>[tokens, inner] the MLP's inner activations.</summary>
    public float* Inner { get; }
    /// <summary>Each member's own memory.</summary>
    public Member[] Members { get; }

    /// <summary>Whether it is large enough.</summary>
    public bool Fits(int wantedCapacity, int wantedMembers) => wantedCapacity <= capacity && wantedMembers == Members.Length;

    /// <inheritdoc/>
    public void Dispose() => buffers.ForEach(buffer => buffer.Dispose());

    /// <summary>A member's own memory.</summary>
    public sealed class Member
    {
        /// <summary>Its number in the team.</summary>
        public required int Number { get; init; }
        /// <summary>[tokens, hidden] after a norm.</summary>
        public required float* Normed { get; init; }
        /// <summary>[tokens, widest input] a product's input as <see cref="DotProducts.Arrange"/> leaves it.</summary>
        public required float* Arranged { get; init; }
        /// <summary>[tokens, headDim] one key or value head.</summary>
        public required float* Head { get; init; }
        /// <summary>[tokens, share of inner] up projections.</summary>
        public required float* Up { get; init; }
        /// <summary>[queries, headDim] queries of one key-value head, and what they attended to.</summary>
        public required float* Queries { get; init; }
        /// <summary>[queries, capacity] attention scores of one key-value head.</summary>
        public required float* Scores { get; init; }
        /// <summary>[3, tokens, rank] what adapters have made of a stage's input, linear by linear.</summary>
        public required float* Lowered { get; init; }
    }
}
