using static TorchSharp.torch;

namespace Gram.Models.Transformer;

/// <summary>Keys and values of past tokens, per layer [rows, kvHeads, capacity, headDim]. A forward with a cache is inference.</summary>
public sealed class KvCache : IDisposable
{
    /// <summary>Tokens held.</summary>
    public int Length { get; internal set; }
    /// <summary>Rows.</summary>
    public int Rows => throw new NotImplementedException();
    /// <summary>A new cache whose row i is this one's row rows[i] (repeats allowed), with its own capacity.</summary>
    public KvCache Select(IReadOnlyList<int> rows, int capacity) => throw new NotImplementedException();
    /// <summary>Forgets all but the first tokens.</summary>
    public void Truncate(int length) => throw new NotImplementedException();
    /// <inheritdoc/>
    public void Dispose() { }
}
