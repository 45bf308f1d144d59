using System.Text.Encodings.Web;
using System.Text.Json;
using Gram.Models.Checkpoints;

namespace Gram.Reward.Encoding;

/// <summary>What became of the rows of a run's data: which were shortened or dropped, and which answer was A.</summary>
internal sealed class RowRecord
{
    private static readonly JsonWriterOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly List<string> files = [];
    private readonly List<(int File, int Row)> shortened = [];
    private readonly List<(int File, int Row, string Why)> dropped = [];
    private readonly List<(int File, int Row, bool ChosenFirst)> order = [];

    /// <summary>Examples whose answers were shortened.</summary>
    public int Shortened => shortened.Count;

    /// <summary>Rows left out.</summary>
    public int Dropped => dropped.Count;

    /// <summary>Stage 2: rows written with another judge prompt.</summary>
    public int OtherPrompts { get; private set; }

    /// <summary>Why the first row was left out, and where it is.</summary>
    public string FirstDropped => dropped is [var (file, row, why), ..] ? $"{why} ({files[file]}, row {row})" : "the data sets hold none";

    /// <summary>Notes what became of a row; chosenFirst: null where it is no pair.</summary>
    public void Add(string file, int row, EncodedRow encoded, bool? chosenFirst)
    {
        if (encoded.Dropped is { } why) Drop(file, row, why);
        else if (chosenFirst is { } first) order.Add((IndexOf(file), row, first));
        if (encoded.IsOtherPrompt) OtherPrompts++;
        if (encoded.IsShortened) shortened.Add((IndexOf(file), row));
    }

    /// <summary>Notes a row that was left out.</summary>
    public void Drop(string file, int row, string why) => dropped.Add((IndexOf(file), row, why));

    /// <summary>Writes examples.json.</summary>
    public void WriteJson(string path, int train, int eval) => AtomicFile.Write(path, stream =>
    {
        using (var writer = new Utf8JsonWriter(stream, Json))
        {
            writer.WriteStartObject();
            writer.WriteNumber("train", train);
            writer.WriteNumber("eval", eval);
            List("shortened", shortened, row => Place(row.File, row.Row));
            List("dropped", dropped, row =>
            {
                Place(row.File, row.Row);
                writer.WriteString("why", row.Why);
            });
            List("order", order, row =>
            {
                Place(row.File, row.Row);
                writer.WriteString("a", row.ChosenFirst ? "chosen" : "rejected");
            });
            writer.WriteEndObject();

            void List<T>(string name, List<T> rows, Action<T> write)
            {
                writer.WriteStartArray(name);
                foreach (var row in rows)
                {
                    writer.WriteStartObject();
                    write(row);
                    writer.WriteEndObject();
                }
                writer.WriteEndArray();
            }

            void Place(int file, int row)
            {
                writer.WriteString("file", files[file]);
                writer.WriteNumber("row", row);
            }
        }
        stream.WriteByte((byte)'\n');
    });

    /// <summary>Writes it into a file of encoded examples.</summary>
    public void Save(BinaryWriter writer)
    {
        writer.Write(OtherPrompts);
        writer.WriteList(files, writer.Write);
        writer.WriteList(shortened, row => Place(row.File, row.Row));
        writer.WriteList(dropped, row =>
        {
            Place(row.File, row.Row);
            writer.Write(row.Why);
        });
        writer.WriteList(order, row =>
        {
            Place(row.File, row.Row);
            writer.Write(row.ChosenFirst);
        });

        void Place(int file, int row)
        {
            writer.Write(file);
            writer.Write(row);
        }
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    public static RowRecord Load(BinaryReader reader)
    {
        var record = new RowRecord { OtherPrompts = reader.ReadInt32() };
        record.files.AddRange(reader.ReadList(reader.ReadString));
        record.shortened.AddRange(reader.ReadList(() => (reader.ReadInt32(), reader.ReadInt32())));
        record.dropped.AddRange(reader.ReadList(() => (reader.ReadInt32(), reader.ReadInt32(), reader.ReadString())));
        record.order.AddRange(reader.ReadList(() => (reader.ReadInt32(), reader.ReadInt32(), reader.ReadBoolean())));
        return record;
    }

    private int IndexOf(string file)
    {
        if (files.Count > 0 && files[^1] == file) return files.Count - 1;
        if (files.IndexOf(file) is >= 0 and var known) return known;
        files.Add(file);
        return files.Count - 1;
    }
}
