using Gram.Models.Transformer;

namespace Gram.Reward.Judging;

/// <summary>Keys and values of what prompts began with, the last used ones, as many as fit in memory that is set.</summary>
/// <param name="maxBytes">The memory.</param>
internal sealed class PrefixCache(long maxBytes) : IDisposable
{
    private readonly LinkedList<(int[] Ids, KvCache Row, long Bytes)> entries = []; // the last used first
    private long bytes;

    /// <summary>The row that holds the most of a prompt's first tokens, and how many: not the last of the prompt, whose label is asked for.</summary>
    public (KvCache? Row, int Length) Longest(int[] prompt)
    {
        var (best, longest) = (default(LinkedListNode<(int[] Ids, KvCache Row, long Bytes)>), 0);
        for (var entry = entries.First; entry is not null; entry = entry.Next)
        {
            var length = Math.Min(entry.Value.Ids.AsSpan().CommonPrefixLength(prompt), prompt.Length - 1);
            if (length > longest) (best, longest) = (entry, length);
        }
        if (best is null) return (null, 0);
        entries.Remove(best);
        entries.AddFirst(best);
        return (best.Value.Row, longest);
    }

    /// <summary>Takes a row over, and drops those that were used least recently where there is no room for it.</summary>
    /// <param name="ids">Its tokens.</param>
    /// <param name="row">A cache of one row.</param>
    public void Add(int[] ids, KvCache row)
    {
        var size = row.Bytes;
        if (size > maxBytes || entries.Any(entry => entry.Ids.AsSpan().StartsWith(ids)))
        {
            row.Dispose();
            return;
        }
        entries.AddFirst((ids, row, size));
        bytes += size;
        while (bytes > maxBytes)
        {
            var last = entries.Last!.Value;
            entries.RemoveLast();
            bytes -= last.Bytes;
            last.Row.Dispose();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var entry in entries) entry.Row.Dispose();
        entries.Clear();
    }
}
