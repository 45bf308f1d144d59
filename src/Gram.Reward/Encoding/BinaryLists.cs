namespace Gram.Reward.Encoding;

/// <summary>Lists in binary files: their count, then their items.</summary>
internal static class BinaryLists
{
    public static void WriteList<T>(this BinaryWriter writer, IReadOnlyCollection<T> items, Action<T> write)
    {
        writer.Write(items.Count);
        foreach (var item in items) write(item);
    }

    public static List<T> ReadList<T>(this BinaryReader reader, Func<T> read)
    {
        var items = new List<T>(reader.ReadInt32());
        for (var i = items.Capacity; i > 0; i--) items.Add(read());
        return items;
    }
}
