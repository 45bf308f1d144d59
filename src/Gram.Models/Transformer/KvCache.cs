using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Transformer;

/// <summary>
/// Keys and values of past tokens, per layer [rows, kvHeads, capacity, headDim], allocated once. Every row begins at place 0 and
/// has a length of its own, so rows of any lengths share a batch without padding between their tokens. A forward with a cache is inference.
/// </summary>
public sealed class KvCache : IDisposable
{
    private readonly Tensor[] keys, values;
    private int[] lengths;

    internal KvCache(Tensor[] keys, Tensor[] values, int rows, int capacity)
    {
        (this.keys, this.values, Capacity) = (keys, values, capacity);
        lengths = new int[rows];
    }

    /// <summary>Tokens held, row by row.</summary>
    public ReadOnlySpan<int> Lengths => lengths;
    /// <summary>Tokens of the longest row.</summary>
    public int Longest => lengths.AsSpan().IsEmpty ? 0 : lengths.Max();
    /// <summary>Rows.</summary>
    public int Rows => lengths.Length;
    /// <summary>Most tokens that a row can hold.</summary>
    public int Capacity { get; }

    /// <summary>Memory of its keys and values.</summary>
    public long Bytes => keys.Concat(values).Sum(tensor => tensor.numel() * tensor.element_size());

    /// <summary>[rows, kvHeads, capacity, headDim] keys of a layer.</summary>
    internal Tensor Keys(int layer) => keys[layer];
    /// <summary>[rows, kvHeads, capacity, headDim] values of a layer.</summary>
    internal Tensor Values(int layer) => values[layer];
    /// <summary>Whether all rows hold as many tokens.</summary>
    internal bool Uniform => !lengths.AsSpan().ContainsAnyExcept(lengths[0]);

    /// <summary>Forgets the last tokens of a row: what right padding wrote, or an ended response.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The row holds fewer.</exception>
    public void Truncate(int row, int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, lengths[row]);
        lengths[row] = length;
    }

    /// <summary>Replaces rows by another cache's, or by others of its own: how waiting prompts take the places of ended responses.</summary>
    /// <param name="rows">The rows that are replaced.</param>
    /// <param name="from">The other cache.</param>
    /// <param name="fromRows">What replaces each of them (repeats allowed).</param>
    /// <exception cref="ArgumentException">A row is longer than this cache's rows can be.</exception>
    public void Put(IReadOnlyList<int> rows, KvCache from, IReadOnlyList<int> fromRows)
    {
        int[] replacing = [.. fromRows.Select(row => from.lengths[row])];
        var longest = replacing.Max();
        if (longest > Capacity) throw new ArgumentException($"a row holds {longest} tokens, this cache has room for {Capacity}", nameof(from));
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var (target, source) = (Index(rows), Index(fromRows));
        foreach (var (to, other) in keys.Concat(values).Zip(from.keys.Concat(from.values)))
        {
            using var copied = other.narrow(2, 0, longest).index_select(0, source);
            using var places = to.narrow(2, 0, longest);
            places.index_copy_(0, target, copied);
        }
        for (var i = 0; i < replacing.Length; i++) lengths[rows[i]] = replacing[i];
    }

    /// <summary>Forgets the rows from this one on. Their memory stays with the cache.</summary>
    public void Shrink(int rows)
    {
        if (rows == Rows) return;
        Array.Resize(ref lengths, rows);
        foreach (var layers in (Tensor[][])[keys, values])
        {
            foreach (ref var layer in layers.AsSpan())
            {
                var whole = layer;
                layer = whole.narrow(0, 0, rows).DetachFromDisposeScope();
                whole.Dispose();
            }
        }
    }

    /// <summary>A new cache whose row i is this one's row rows[i] (repeats allowed), with its own capacity.</summary>
    public KvCache Select(IReadOnlyList<int> rows, int capacity) => Gather(this, [.. rows.Select(row => ((KvCache?)this, row, lengths[row]))], capacity);

    /// <summary>A new cache whose rows are the beginnings of other caches' rows.</summary>
    /// <param name="rows">Whose row, which, and how many of its tokens (repeats allowed; a row without a cache begins empty), at least one of a cache. All caches are of one model.</param>
    /// <param name="capacity">Most tokens that a row can hold.</param>
    /// <exception cref="ArgumentOutOfRangeException">A row holds fewer tokens, or the new ones have no room for them.</exception>
    public static KvCache Gather(IReadOnlyList<(KvCache? From, int Row, int Length)> rows, int capacity) =>
        Gather(rows.First(row => row.From is not null).From!, rows, capacity);

    private static KvCache Gather(KvCache model, IReadOnlyList<(KvCache? From, int Row, int Length)> rows, int capacity)
    {
        foreach (var (from, row, length) in rows)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan(length, from?.lengths[row] ?? 0, nameof(rows));
            ArgumentOutOfRangeException.ThrowIfLessThan(capacity, length);
        }
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var sources = rows.Select((row, place) => (row.From, row.Row, row.Length, Place: place)).Where(row => row.Length > 0)
            .GroupBy(row => row.From!)
            .Select(group => (From: group.Key, Rows: group.Key.Index([.. group.Select(row => row.Row)]), Places: group.Key.Index([.. group.Select(row => row.Place)]), Whole: group.Count() == rows.Count, Longest: group.Max(row => row.Length)))
            .ToList();
        var cache = new KvCache(Copy(each => each.keys), Copy(each => each.values), rows.Count, capacity);
        for (var i = 0; i < rows.Count; i++) cache.lengths[i] = rows[i].Length;
        return cache;

        Tensor[] Copy(Func<KvCache, Tensor[]> layers) => [.. layers(model).Select((like, layer) =>
        {
            var shape = like.shape;
            var copy = Zeros(rows.Count, shape[1], capacity, shape[3], like.dtype, like.device);
            foreach (var (from, selected, places, whole, longest) in sources)
            {
                using var tokens = layers(from)[layer].narrow(2, 0, longest);
                using var picked = tokens.index_select(0, selected);
                using var target = copy.narrow(2, 0, longest);
                if (whole) target.copy_(picked);
                else target.index_copy_(0, places, picked);
            }
            return copy;
        })];
    }

    /// <summary>One layer's keys or values. Zeros, because what a mask hides still takes part as 0 · value: it must be a number.</summary>
    internal static Tensor Zeros(long rows, long heads, long capacity, long headDim, ScalarType dtype, Device device) =>
        zeros([rows, heads, capacity, headDim], dtype, device).DetachFromDisposeScope();

    /// <summary>Counts t more tokens in every row.</summary>
    internal void Advance(int t)
    {
        foreach (ref var length in lengths.AsSpan()) length += t;
    }

    /// <summary>Stores a layer's keys and values [rows, kvHeads, t, headDim] after each row's tokens, and returns all of them up to the longest row's new end.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="key">[rows, kvHeads, t, headDim].</param>
    /// <param name="value">[rows, kvHeads, t, headDim].</param>
    /// <param name="t">New tokens of each row.</param>
    /// <param name="places">[rows, 1, t, 1] int64 places of the new tokens where the rows' lengths differ; null where they do not.</param>
    internal (Tensor Keys, Tensor Values) Append(int layer, Tensor key, Tensor value, long t, Tensor? places)
    {
        var longest = Longest;
        return (Store(keys[layer], key), Store(values[layer], value));

        Tensor Store(Tensor all, Tensor added)
        {
            if (places is not null)
            {
                using var index = places.expand_as(added);
                all.scatter_(2, index, added);
            }
            else
            {
                using var place = all.narrow(2, longest, t);
                place.copy_(added);
            }
            return all.narrow(2, 0, longest + t);
        }
    }

    private Tensor Index(IReadOnlyList<int> rows) => tensor(rows.Select(row => (long)row).ToArray(), device: keys[0].device);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in keys.Concat(values)) tensor.Dispose();
    }
}
