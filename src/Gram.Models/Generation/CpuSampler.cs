using System.Runtime.InteropServices;
using Gram.Models.Kernels;
using Gram.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Generation;

/// <summary>
/// The sampler of a CPU: each row is read where it lies, by kernels of a few passes. Of operators a row costs as much as a small
/// model's whole decoding step. Draws, filters and log-probs are those of <see cref="TorchSampler"/>, up to the rounding of sums.
/// </summary>
internal sealed unsafe class CpuSampler(SamplingOptions options, bool withLogProbs) : ITokenSampler
{
    /// <summary>Logits from which waking a team pays.</summary>
    private const long WorthATeam = 1 << 15;

    private Scratch[] scratch = [];

    public DrawnToken[] Draw(Tensor logits, IReadOnlyList<DecodingRow> rows)
    {
        using var whole = logits.contiguous();
        var (data, vocab) = ((nint)Shim.Data(whole), (int)whole.size(1));
        var drawn = new DrawnToken[rows.Count];
        if (rows.Count == 1 || (long)rows.Count * vocab < WorthATeam)
        {
            Reserve(1, vocab);
            for (var row = 0; row < rows.Count; row++) One(row, scratch[0]);
        }
        else
        {
            var team = Team.Shared();
            Reserve(team.Size, vocab);
            team.Run(member =>
            {
                while (team.Take(member, rows.Count, 1, out var row, out _)) One(row, scratch[member]);
            });
        }
        return drawn;

        void One(int row, Scratch own) => drawn[row] = Draw((float*)data + ((long)row * vocab), vocab, rows[row], own);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var own in scratch) own.Dispose();
        scratch = [];
    }

    private void Reserve(int members, int vocab)
    {
        if (scratch.Length >= members && scratch[0].Vocab >= vocab) return;
        Dispose();
        scratch = [.. Enumerable.Range(0, members).Select(_ => new Scratch(vocab, options))];
    }

    private DrawnToken Draw(float* scores, int vocab, DecodingRow row, Scratch own)
    {
        if (options.RepetitionPenalty != 1) Penalise(scores, row);
        var greedy = row.Random is null ? SamplingKernels.IndexOf(scores, vocab, SamplingKernels.Max(scores, vocab)) : -1;
        if (greedy >= 0 && !withLogProbs) return new(greedy, 0, null);
        if (options.Temperature != 1) SamplingKernels.Divide(scores, vocab, (float)options.Temperature);
        var max = greedy >= 0 ? scores[greedy] : SamplingKernels.Max(scores, vocab);
        if (greedy < 0 && options.Filters) return Filtered(scores, vocab, max, row.Random!.NextDouble(), own);
        var total = SamplingKernels.SumExp(scores, vocab, max, own.BlockSums);
        var token = greedy >= 0 ? greedy : SamplingKernels.Draw(scores, vocab, max, own.BlockSums, row.Random!.NextDouble() * total);
        return new(token, LogProb(scores[token] - max, total), null);
    }

    private DrawnToken Filtered(float* scores, int vocab, float max, double uniform, Scratch own)
    {
        var kept = own.Candidates!;
        kept.Begin(scores, vocab, max);
        if (options.TopK > 0) kept.TopK(options.TopK);
        if (options.TopP < 1) kept.TopP(options.TopP, own.BlockSums);
        if (options.MinP > 0) kept.MinP(options.MinP);
        var total = SamplingKernels.Sum(kept.Weights, kept.Count);
        var token = kept.Ids[SamplingKernels.Draw(kept.Weights, kept.Count, uniform * total)];
        return new(token, LogProb(scores[token] - max, total), withLogProbs ? new Span<int>(kept.Ids, kept.Count).ToArray() : null);
    }

    private float LogProb(float belowMax, double total) => withLogProbs ? (float)(belowMax - Math.Log(total)) : 0;

    /// <summary>As transformers' RepetitionPenaltyLogitsProcessor: logits of tokens seen before are divided by the penalty where positive, else multiplied.</summary>
    private void Penalise(float* logits, DecodingRow row)
    {
        var penalty = (float)options.RepetitionPenalty;
        foreach (var token in row.Seen) logits[token] = logits[token] < 0 ? logits[token] * penalty : logits[token] / penalty;
    }

    /// <summary>What a member of the team needs beside the row itself.</summary>
    private sealed class Scratch(int vocab, SamplingOptions options) : IDisposable
    {
        private readonly double[] blockSums = GC.AllocateUninitializedArray<double>(SamplingKernels.Blocks(vocab), pinned: true);

        public int Vocab => vocab;

        public double* BlockSums => (double*)Marshal.UnsafeAddrOfPinnedArrayElement(blockSums, 0);

        public Candidates? Candidates { get; } = options.Filters ? new(vocab, options.TopK) : null;

        public void Dispose() => Candidates?.Dispose();
    }
}
