using System.Text.Json;
using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Reward.Data;

namespace Gram.Host.Hosting;

/// <summary>
/// Rows of an output file that grow while a command runs, in a file beside it: one object a line, whole blocks of rows at a time.
/// An interrupted command finds them again; when all are there the output file appears at once.
/// </summary>
internal sealed class PartialRows : IDisposable
{
    private readonly string output;
    private readonly FileStream file;

    private PartialRows(string output, FileStream file) => (this.output, this.file) = (output, file);

    /// <summary>Opens the rows that an earlier run left, or begins.</summary>
    /// <param name="output">The output file.</param>
    /// <param name="signature">A short text that differs where rows of the earlier run would be others now; part of the file's name.</param>
    /// <exception cref="GramException">The file cannot be opened, or another run writes it.</exception>
    public static PartialRows Open(string output, string signature)
    {
        var path = $"{output}.{signature}.partial";
        try
        {
            return new(output, new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1 << 16));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new GramException($"{path} cannot be opened (does another run write to {output}?): {error.Message}", error);
        }
    }

    /// <summary>Rows that an earlier run left, as far as they were taken.</summary>
    public int Taken { get; private set; }

    /// <summary>
    /// The next rows of the earlier run. Where fewer are left, or one is not what it should be, these and all behind them are forgotten:
    /// null, now and from now on.
    /// </summary>
    /// <param name="count">How many.</param>
    /// <param name="read">What to make of a row, given its place among them; null where it is not the row that belongs there.</param>
    public List<T>? Take<T>(int count, Func<int, JsonObject, T?> read)
        where T : struct
    {
        var start = file.Position;
        var rows = new List<T>();
        while (rows.Count < count && ReadLine() is { } line && Parse(line) is { } row && read(rows.Count, row) is { } item) rows.Add(item);
        if (rows.Count == count)
        {
            Taken += count;
            return rows;
        }
        file.SetLength(start);
        file.Position = start;
        return null;
    }

    /// <summary>Adds a block of rows, and sees that they are on the disk.</summary>
    public void Add(IEnumerable<JsonObject> rows)
    {
        JsonRows.WriteLines(file, rows);
        file.Flush(flushToDisk: true);
    }

    /// <summary>Turns the rows into the output file, in the form that its name asks for.</summary>
    /// <exception cref="GramException">It cannot be written; the rows stay.</exception>
    public void Finish()
    {
        var path = file.Name;
        file.Dispose();
        if (JsonRows.IsLines(output))
        {
            File.Move(path, output, overwrite: true);
            return;
        }
        JsonRows.Write(output, JsonRows.Read(path).Select(row => row.Fields));
        File.Delete(path);
    }

    /// <summary>Leaves the rows for the next run; an empty file goes.</summary>
    public void Dispose()
    {
        var empty = file.CanSeek && file.Length == 0;
        file.Dispose();
        if (empty) File.Delete(file.Name);
    }

    /// <summary>The bytes of the next line, without its end; null where no whole line is left.</summary>
    private byte[]? ReadLine()
    {
        var line = new MemoryStream();
        int next;
        while ((next = file.ReadByte()) >= 0 && next != '\n') line.WriteByte((byte)next);
        return next < 0 ? null : line.ToArray();
    }

    private static JsonObject? Parse(byte[] line)
    {
        try
        {
            return JsonNode.Parse(line) as JsonObject;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
