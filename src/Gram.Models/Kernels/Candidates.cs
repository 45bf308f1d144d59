namespace Gram.Models.Kernels;

/// <summary>The tokens of one row that sampling filters keep, in the order of their ids: each filter narrows them, the first one from the whole row.</summary>
internal sealed unsafe class Candidates : IDisposable
{
    /// <summary>How far below the likeliest score top-p looks first, in nats; twice as far each time that it finds too little.</summary>
    private const float FirstReach = 4, LastReach = 128; // e^−128 is 0 in float32

    private readonly FloatBuffer ids, scores, weights, scoreRoom, weightRoom;
    private float* row;
    private int vocab;
    private float max;
    private bool narrowed;

    /// <summary>Room for rows of a vocabulary, and for top-k's selection.</summary>
    public Candidates(int vocab, int topK)
    {
        (ids, scores, weights, weightRoom) = (new(vocab), new(vocab), new(vocab), new(vocab));
        scoreRoom = new(Math.Max(vocab, Selection.Room(Math.Min(topK, vocab))));
    }

    /// <summary>Tokens kept.</summary>
    public int Count { get; private set; }
    /// <summary>[count] their ids, ascending.</summary>
    public int* Ids => (int*)ids.Data;
    /// <summary>[count] their e^(score − max).</summary>
    public float* Weights => weights.Data;

    /// <summary>Begins with a row of which everything is kept; at least one filter follows.</summary>
    /// <param name="values">[count] scores.</param>
    /// <param name="count">Scores.</param>
    /// <param name="largest">The largest score.</param>
    public void Begin(float* values, int count, float largest)
    {
        row = values;
        (vocab, max, narrowed) = (count, largest, false);
    }

    /// <summary>Keeps the k largest scores, and those equal to the k-th.</summary>
    public void TopK(int k) => Take(Selection.Largest(row, vocab, k, scoreRoom.Data));

    /// <summary>Keeps the smallest set of likeliest tokens whose share of the weight reaches p.</summary>
    /// <param name="p">Below 1.</param>
    /// <param name="blockSums">[<see cref="SamplingKernels.Blocks"/>], overwritten.</param>
    public void TopP(double p, double* blockSums)
    {
        var below = 0.0;
        var total = narrowed ? SamplingKernels.Sum(Weights, Count) : SamplingKernels.SumExp(row, vocab, max, blockSums);
        var removable = (1 - p) * total;
        if (!narrowed)
        {
            // Most of the weight is near the top, so few tokens are ever looked at.
            for (var reach = FirstReach; ; reach *= 2)
            {
                Take(max - reach);
                below = total - SamplingKernels.Sum(Weights, Count);
                if (below <= removable || reach >= LastReach) break;
            }
        }
        var (threshold, skipped) = Selection.Cut(scores.Data, Weights, Count, below, removable, scoreRoom.Data, weightRoom.Data);
        var kept = 0;
        for (var i = 0; i < Count; i++)
        {
            var score = scores.Data[i];
            if (score > threshold || (score == threshold && skipped-- <= 0)) Keep(i, kept++);
        }
        Count = kept;
    }

    /// <summary>Keeps what weighs at least a share p of the likeliest token.</summary>
    public void MinP(double p)
    {
        // A little more than is kept, because the weights themselves decide.
        if (!narrowed) Take(max + (float)Math.Log(p) - 0.01f);
        var kept = 0;
        for (var i = 0; i < Count; i++)
        {
            if (Weights[i] >= (float)p) Keep(i, kept++);
        }
        Count = Math.Max(1, kept);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var buffer in (FloatBuffer[])[ids, scores, weights, scoreRoom, weightRoom]) buffer.Dispose();
    }

    /// <summary>Takes the row's scores that are numbers and at least a threshold; of a row without numbers its first token.</summary>
    private void Take(float threshold)
    {
        Count = SamplingKernels.AtLeast(row, vocab, MathF.Max(threshold, float.MinValue), Ids);
        if (Count == 0) (Ids[0], Count) = (0, 1);
        for (var i = 0; i < Count; i++) scores.Data[i] = row[Ids[i]];
        SamplingKernels.Exp(scores.Data, Count, max, Weights);
        narrowed = true;
    }

    private void Keep(int from, int to) => (Ids[to], scores.Data[to], Weights[to]) = (Ids[from], scores.Data[from], Weights[from]);
}
