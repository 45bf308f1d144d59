using System.IO.Compression;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Models.Checkpoints;

namespace Gram.Reward.Data;

/// <summary>
/// Data files: a JSON list or one object a line, plain or gzipped, told apart by content and read row by row.
/// "-" is standard input or output.
/// </summary>
public static class JsonRows
{
    private const int GzipMagic0 = 0x1f, GzipMagic1 = 0x8b;

    private static readonly JsonWriterOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly JsonWriterOptions Indented = Compact with { Indented = true };

    /// <summary>The rows of a file, in order.</summary>
    /// <param name="path">The file, or "-".</param>
    /// <param name="notText">Called with the number of a row that is not valid UTF-8, which is then left out; without it such a row is an error.</param>
    /// <exception cref="GramException">The file is missing, empty or broken, or a row is no object; the message names file and row.</exception>
    public static IEnumerable<JsonRow> Read(string path, Action<int>? notText = null)
    {
        if (path != "-" && !File.Exists(path))
            throw new GramException(Directory.Exists(path) ? $"{path} is a folder: name a data file in it" : $"{path}: no such file");
        return Rows(path, notText);
    }

    /// <summary>
    /// Writes rows in their order: a list where the name ends in .json, one object a line otherwise, gzipped where .gz follows.
    /// A file appears whole or not at all; the rows may be lazy.
    /// </summary>
    /// <exception cref="GramException">The file cannot be written.</exception>
    public static void Write(string path, IEnumerable<JsonObject> rows)
    {
        if (path == "-")
        {
            using var output = Console.OpenStandardOutput();
            WriteLines(output, rows);
            return;
        }
        var (gzip, list) = FormOf(path);
        Action<Stream, IEnumerable<JsonObject>> write = list ? WriteList : WriteLines;
        try
        {
            AtomicFile.Write(path, stream =>
            {
                if (!gzip)
                {
                    write(stream, rows);
                    return;
                }
                using var compressed = new GZipStream(stream, CompressionLevel.Optimal, leaveOpen: true);
                write(compressed, rows);
            });
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new GramException($"{path} cannot be written: {error.Message}", error);
        }
    }

    /// <summary>Whether a file of this name holds one object a line, not packed.</summary>
    public static bool IsLines(string path) => FormOf(path) is (false, false);

    /// <summary>Writes rows one object a line.</summary>
    public static void WriteLines(Stream stream, IEnumerable<JsonObject> rows)
    {
        foreach (var row in rows)
        {
            using (var writer = new Utf8JsonWriter(stream, Compact)) row.WriteTo(writer);
            stream.WriteByte((byte)'\n');
        }
        stream.Flush();
    }

    private static (bool Gzip, bool List) FormOf(string path)
    {
        var gzip = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase);
        return (gzip, (gzip ? path[..^3] : path).EndsWith(".json", StringComparison.OrdinalIgnoreCase));
    }

    private static IEnumerable<JsonRow> Rows(string path, Action<int>? notText)
    {
        var name = path == "-" ? "standard input" : path;
        using var stream = Open(path, name);
        using var reader = new JsonRowReader(stream, name, notText);
        var any = false;
        while (reader.Next() is { } row)
        {
            any = true;
            yield return row;
        }
        if (!any) throw new GramException($"{name} holds no rows: a data set needs at least one");
    }

    private static Stream Open(string path, string name)
    {
        try
        {
            var file = path == "-" ? Console.OpenStandardInput() : new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16);
            var start = new byte[2];
            var length = file.ReadAtLeast(start, 2, throwOnEndOfStream: false);
            var whole = new PrefixedStream(start[..length], file);
            return length == 2 && start[0] == GzipMagic0 && start[1] == GzipMagic1 ? new GZipStream(whole, CompressionMode.Decompress) : whole;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new GramException($"{name} cannot be read: {error.Message}", error);
        }
    }

    private static void WriteList(Stream stream, IEnumerable<JsonObject> rows)
    {
        using var writer = new Utf8JsonWriter(stream, Indented);
        writer.WriteStartArray();
        foreach (var row in rows) row.WriteTo(writer);
        writer.WriteEndArray();
    }
}
