using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Transformer;

/// <summary>Keys and values of past tokens, per layer [rows, kvHeads, capacity, headDim]. A forward with a cache is inference.</summary>
public sealed class KvCache : IDisposable
{
    private readonly Tensor[] keys, values;

    internal KvCache(Tensor[] keys, Tensor[] values, int rows, int capacity)
    {
        (this.keys, this.values, Rows, Capacity) = (keys, values, rows, capacity);
    }

    /// <summary>Tokens held.</summary>
    public int Length { get; internal set; }
    /// <summary>Rows.</summary>
    public int Rows { get; }
    /// <summary>Most tokens it can hold.</summary>
    public int Capacity { get; }

    /// <summary>A new cache whose row i is this one's row rows[i] (repeats allowed), with its own capacity.</summary>
    public KvCache Select(IReadOnlyList<int> rows, int capacity)
    {
        if (capacity < Length) throw new ArgumentOutOfRangeException(nameof(capacity), capacity, $"the cache holds {Length} tokens");
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var index = tensor(rows.Select(row => (long)row).ToArray(), device: keys[0].device);
        return new KvCache(Copy(keys), Copy(values), rows.Count, capacity) { Length = Length };

        Tensor[] Copy(Tensor[] layers) => [.. layers.Select(layer =>
        {
            var shape = layer.shape;
            var copy = empty([rows.Count, shape[1], capacity, shape[3]], layer.dtype, layer.device).DetachFromDisposeScope();
            if (Length > 0) copy.narrow(2, 0, Length).copy_(layer.narrow(2, 0, Length).index_select(0, index));
            return copy;
        })];
    }

    /// <summary>Stores a layer's keys and values [rows, kvHeads, t, headDim] after the tokens held, and returns all of them up to these.</summary>
    internal (Tensor Keys, Tensor Values) Append(int layer, Tensor key, Tensor value, long t)
    {
        return (Put(keys[layer], key), Put(values[layer], value));

        Tensor Put(Tensor all, Tensor added)
        {
            using (var place = all.narrow(2, Length, t)) place.copy_(added);
            return all.narrow(2, 0, Length + t);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in keys.Concat(values)) tensor.Dispose();
    }
}
