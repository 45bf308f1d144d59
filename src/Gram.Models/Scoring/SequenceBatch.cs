using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Scoring;

/// <summary>Prompt + response rows, right-padded: causality hides the padding, so no mask and natural positions.</summary>
public sealed class SequenceBatch : IDisposable
{
    private readonly List<Tensor> owned = [];

    /// <summary>Builds the batch. Kept sets (of a sampling filter) are optional: [row][response token] → ids.</summary>
    /// <exception cref="ArgumentException">A prompt is empty: nothing would predict the first response token. Or a row's kept sets are not one for each of its tokens.</exception>
    public SequenceBatch(IReadOnlyList<int[]> prompts, IReadOnlyList<int[]> responses, int padToken, IReadOnlyList<int[][]?>? kept = null, Device? device = null)
    {
        if (prompts.Count == 0 || prompts.Count != responses.Count) throw new ArgumentException($"{prompts.Count} prompts and {responses.Count} responses: as many of each, and at least one", nameof(responses));
        Rows = prompts.Count;
        ResponseLength = responses.Max(response => response.Length);
        Length = Enumerable.Range(0, Rows).Max(row => prompts[row].Length + responses[row].Length);
        var tokens = new long[Rows * Length];
        var padded = new long[Rows * ResponseLength];
        var positions = new long[Rows * ResponseLength];
        var mask = new bool[Rows * ResponseLength];
        Array.Fill(tokens, padToken);
        Array.Fill(padded, padToken);
        List<(int Slot, int[]? Kept)> valid = [];
        for (var row = 0; row < Rows; row++)
        {
            var (prompt, response) = (prompts[row], responses[row]);
            if (prompt.Length == 0) throw new ArgumentException($"prompt {row} is empty", nameof(prompts));
            if (kept?[row] is { } sets && sets.Length != response.Length) throw new ArgumentException($"row {row} has {sets.Length} kept sets for {response.Length} tokens", nameof(kept));
            for (var t = 0; t < prompt.Length; t++) tokens[row * Length + t] = prompt[t];
            for (var t = 0; t < ResponseLength; t++)
            {
                var slot = row * ResponseLength + t;
                positions[slot] = Math.Min(prompt.Length - 1 + t, Length - 1);
                if (t >= response.Length) continue;
                tokens[row * Length + prompt.Length + t] = padded[slot] = response[t];
                mask[slot] = true;
                valid.Add((slot, kept?[row]?[t]));
            }
        }

        Tokens = Own(tensor(tokens, [Rows, Length], device: device));
        Responses = Own(tensor(padded, [Rows, ResponseLength], device: device));
        Mask = Own(tensor(mask, [Rows, ResponseLength], device: device));
        Positions = Own(tensor(positions, [Rows, ResponseLength], device: device));
        FlatPositions = Own(tensor([.. Enumerable.Range(0, positions.Length).Select(slot => slot / Math.Max(1, ResponseLength) * Length + positions[slot])], device: device));
        Groups = [.. valid.GroupBy(entry => entry.Kept is not null).Select(group => Group([.. group], padded, positions, device))];
    }

    /// <summary>Number of rows.</summary>
    public int Rows { get; }
    /// <summary>Tokens of the longest row.</summary>
    public int Length { get; }
    /// <summary>Tokens of the longest response.</summary>
    public int ResponseLength { get; }
    /// <summary>[rows, tokens] int64 prompt, response, padding.</summary>
    public Tensor Tokens { get; }
    /// <summary>[rows, responseTokens] int64 response ids, left-aligned, padded.</summary>
    public Tensor Responses { get; }
    /// <summary>[rows, responseTokens] bool, true on response tokens.</summary>
    public Tensor Mask { get; }
    /// <summary>[rows, responseTokens] int64 position whose hidden state predicts each response token (prompt length − 1 + t, clamped).</summary>
    public Tensor Positions { get; }

    /// <summary>[rows · responseTokens] int64: <see cref="Positions"/> as indices into [rows · tokens].</summary>
    internal Tensor FlatPositions { get; }
    /// <summary>The response tokens without padding, those under a filter apart from the others.</summary>
    internal IReadOnlyList<TokenGroup> Groups { get; }

    private TokenGroup Group((int Slot, int[]? Kept)[] valid, long[] tokens, long[] positions, Device? device)
    {
        var slots = Own(tensor([.. valid.Select(entry => (long)entry.Slot)], device: device));
        var flat = Own(tensor([.. valid.Select(entry => entry.Slot / ResponseLength * Length + positions[entry.Slot])], device: device));
        var ids = valid.Select(entry => tokens[entry.Slot]).ToArray();
        if (valid[0].Kept is null) return new TokenGroup(slots, flat, Own(tensor(ids, device: device)), null, null);

        var width = valid.Max(entry => entry.Kept!.Length);
        var keptIds = new long[valid.Length * width];
        var padding = new bool[valid.Length * width];
        var places = new long[valid.Length];
        for (var i = 0; i < valid.Length; i++)
        {
            var kept = valid[i].Kept!;
            for (var j = 0; j < kept.Length; j++) keptIds[i * width + j] = kept[j];
            Array.Fill(padding, true, i * width + kept.Length, width - kept.Length);
            places[i] = Array.IndexOf(kept, (int)ids[i]);
            if (places[i] < 0) throw new ArgumentException($"a kept set lacks its own token {ids[i]}", nameof(valid));
        }
        return new TokenGroup(slots, flat, Own(tensor(places, device: device)), Own(tensor(keptIds, [valid.Length, width], device: device)), Own(tensor(padding, [valid.Length, width], device: device)));
    }

    private Tensor Own(Tensor tensor)
    {
        owned.Add(tensor.DetachFromDisposeScope());
        return tensor;
    }

    /// <inheritdoc/>
    public void Dispose() => owned.ForEach(tensor => tensor.Dispose());
}

/// <summary>Response tokens that are scored alike: all over the whole vocabulary, or all over their kept sets.</summary>
/// <param name="Slots">[tokens] int64 index into [rows · responseTokens].</param>
/// <param name="Positions">[tokens] int64 index of the predicting position in [rows · tokens].</param>
/// <param name="Targets">[tokens] int64 column of the token: its id, or its place in the kept set.</param>
/// <param name="Kept">[tokens, kept] int64 ids of the kept set, padded; null = the vocabulary.</param>
/// <param name="KeptPadding">[tokens, kept] bool, true on the padding of <paramref name="Kept"/>.</param>
internal sealed record TokenGroup(Tensor Slots, Tensor Positions, Tensor Targets, Tensor? Kept, Tensor? KeptPadding);
