using Gram.Models.Native;
using Gram.Models.Transformer;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Generation;

/// <summary>
/// The decode loop, with continuous batching: runs the model on the batch's last tokens and draws the next, row by row. A response
/// that has ended gives its place to a waiting one at once, or, where none waits, leaves the batch. The cache begins with room for answers
/// of ordinary length and doubles as it is needed, so that a large limit costs nothing where answers end early.
/// </summary>
internal sealed class Decoder : IDisposable
{
    private const int OrdinaryAnswer = 256; // tokens

    private readonly CausalLM model;
    private readonly WaitingLine waiting;
    private readonly ITokenSampler sampler;
    private readonly IReadOnlyList<int> endTokens;
    private readonly Action<GeneratedToken>? onToken;
    private readonly Tensor tokens; // [places] int64: the batch's last tokens
    private DecodingRow?[] batch;   // row by row of the cache; null: a free place
    private int[] last;             // their last tokens
    private KvCache cache;

    private Decoder(CausalLM model, WaitingLine waiting, int maxRows, ITokenSampler sampler, IReadOnlyList<int> endTokens, Action<GeneratedToken>? onToken)
    {
        (this.model, this.waiting, this.sampler, this.endTokens, this.onToken) = (model, waiting, sampler, endTokens, onToken);
        var places = Math.Min(maxRows, waiting.Count);
        (batch, last) = (new DecodingRow?[places], new int[places]);
        tokens = zeros([places], ScalarType.Int64).DetachFromDisposeScope();
        cache = model.NewCache(places, Math.Min(waiting.Room, waiting.Longest + OrdinaryAnswer));
    }

    /// <summary>Decodes all waiting responses, at most so many at a time.</summary>
    public static void Run(CausalLM model, WaitingLine waiting, int maxRows, ITokenSampler sampler, IReadOnlyList<int> endTokens, Action<GeneratedToken>? onToken, CancellationToken cancellationToken)
    {
        using var decoder = new Decoder(model, waiting, maxRows, sampler, endTokens, onToken);
        while (decoder.FillPlaces())
        {
            cancellationToken.ThrowIfCancellationRequested();
            decoder.Step();
        }
    }

    private void Step()
    {
        using var scope = NewDisposeScope();
        if (cache.Longest == cache.Capacity) Resize(Math.Min(2 * cache.Capacity, RoomOfAll()));
        Add(model.Decode(LastTokens(), cache), [.. Enumerable.Range(0, batch.Length)]);
    }

    /// <summary>Draws a token for each of some places from logits [places, vocab].</summary>
    private void Add(Tensor logits, int[] places)
    {
        var drawn = sampler.Draw(logits, [.. places.Select(place => batch[place]!)]);
        for (var i = 0; i < places.Length; i++)
        {
            var row = batch[places[i]]!;
            var token = row.Add(drawn[i], endTokens.Contains(drawn[i].Token));
            last[places[i]] = drawn[i].Token;
            if (row.Done) Free(places[i]);
            onToken?.Invoke(token);
        }
    }

    /// <summary>Waiting responses take the free places; what stays free leaves the batch. False once nothing is left to decode.</summary>
    private bool FillPlaces()
    {
        while (waiting.Count > 0 && FreePlaces() is { Length: > 0 } free)
        {
            using var scope = NewDisposeScope();
            var (rows, from, slots) = waiting.Take(free.Length);
            int[] places = free[..rows.Length];
            Fit(rows);
            cache.Put(places, from.Cache, slots);
            for (var i = 0; i < rows.Length; i++) batch[places[i]] = rows[i];
            Add(from.Logits.index_select(0, tensor(slots.Select(slot => (long)slot).ToArray(), device: model.Device)), places);
        }
        Close(FreePlaces());
        return batch.Length > 0;
    }

    private void Free(int place)
    {
        batch[place] = null;
        cache.Truncate(place, 0);
    }

    private int[] FreePlaces() => [.. Enumerable.Range(0, batch.Length).Where(place => batch[place] is null)];

    /// <summary>Room for new rows; and once a cache half as long is enough for all that is still to come, the long prompts' memory is given back.</summary>
    private void Fit(DecodingRow[] rows)
    {
        var (longest, room) = (rows.Max(row => row.Prompt.Length), Math.Max(rows.Max(row => row.Room), RoomOfAll()));
        if (longest > cache.Capacity) Resize(Math.Min(room, longest + OrdinaryAnswer));
        else if (room <= cache.Capacity / 2) Resize(room);
    }

    /// <summary>Places that any response, in the batch or waiting, may come to need.</summary>
    private int RoomOfAll() => batch.OfType<DecodingRow>().Select(row => row.Room).Append(waiting.Room).Max();

    private void Resize(int capacity)
    {
        var resized = cache.Select([.. Enumerable.Range(0, cache.Rows)], capacity);
        cache.Dispose();
        cache = resized;
    }

    /// <summary>The last rows move into the free places, and the batch ends before those that they leave.</summary>
    private void Close(int[] free)
    {
        if (free.Length == 0) return;
        var left = batch.Length - free.Length;
        int[] holes = [.. free.Where(place => place < left)];
        int[] moved = [.. Enumerable.Range(left, free.Length).Where(place => batch[place] is not null)];
        if (moved.Length > 0) cache.Put(holes, cache, moved);
        for (var i = 0; i < moved.Length; i++) (batch[holes[i]], last[holes[i]]) = (batch[moved[i]], last[moved[i]]);
        cache.Shrink(left);
        Array.Resize(ref batch, left);
        Array.Resize(ref last, left);
    }

    /// <summary>[rows] int64 last tokens, in memory that is written anew at each step.</summary>
    private unsafe Tensor LastTokens()
    {
        var to = (long*)Shim.Data(tokens);
        for (var i = 0; i < last.Length; i++) to[i] = last[i];
        return tokens.narrow(0, 0, last.Length).to(model.Device);
    }

    public void Dispose()
    {
        cache.Dispose();
        tokens.Dispose();
    }
}
