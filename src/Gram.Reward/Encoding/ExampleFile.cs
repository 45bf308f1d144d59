using System.Collections;
using System.Runtime.InteropServices;
using Gram.Models.Checkpoints;

namespace Gram.Reward.Encoding;

/// <summary>
/// Encoded examples on disk, read one at a time, so that data may be larger than memory; kept in a file, they are encoded once.
/// Layout: magic, fingerprint; the examples (count of ids, count of ranges, label, ids, ranges: int32); places and lengths of those to
/// train on, held-out data, the record of rows; where that begins (int64), magic.
/// </summary>
internal sealed class ExampleFile : IReadOnlyList<TrainingExample>, IDisposable
{
    private const int Head = 3; // numbers before the ids

    private readonly FileStream file;
    private readonly List<long> places; // one more than there are examples

    private ExampleFile(FileStream file, List<long> places) => (this.file, this.places) = (file, places);

    private static ReadOnlySpan<byte> Magic => "GRAMTOK1"u8;

    /// <inheritdoc/>
    public int Count => places.Count - 1;

    /// <inheritdoc/>
    public TrainingExample this[int index]
    {
        get
        {
            var numbers = new int[(places[index + 1] - places[index]) / sizeof(int)];
            var bytes = MemoryMarshal.AsBytes(numbers.AsSpan());
            for (var read = 0; read < bytes.Length;)
            {
                var count = RandomAccess.Read(file.SafeFileHandle, bytes[read..], places[index] + read);
                read += count > 0 ? count : throw new EndOfStreamException($"{file.Name} became shorter while it was in use");
            }
            return Example(numbers);
        }
    }

    /// <summary>Encodes into a file, whole or not at all, and opens it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="fingerprint">What the examples follow from.</param>
    /// <param name="encode">Gives each row to train on to its argument, and returns the rest.</param>
    /// <param name="isTemporary">Whether the file goes when it is closed.</param>
    public static EncodedData Write(string path, byte[] fingerprint, Func<Action<TrainingExample>, (List<TrainingExample> Eval, List<Judging.AnswerPair> EvalPairs, RowRecord Record)> encode, bool isTemporary)
    {
        AtomicFile.Write(path, stream =>
        {
            using var writer = new BinaryWriter(stream, System.Text.Encoding.UTF8, leaveOpen: true);
            writer.Write(Magic);
            writer.Write(fingerprint);
            List<long> places = [stream.Position];
            List<int> lengths = [];
            var (eval, pairs, record) = encode(example =>
            {
                stream.Write(MemoryMarshal.AsBytes(Numbers(example).AsSpan()));
                places.Add(stream.Position);
                lengths.Add(example.Ids.Length);
            });
            var rest = stream.Position;
            writer.WriteList(places, writer.Write);
            writer.WriteList(lengths, writer.Write);
            writer.WriteList(eval, example => writer.WriteList(Numbers(example), writer.Write));
            writer.WriteList(pairs, pair =>
            {
                writer.Write(pair.Question);
                writer.Write(pair.AnswerA);
                writer.Write(pair.AnswerB);
            });
            record.Save(writer);
            writer.Write(rest);
            writer.Write(Magic);
        });
        return Open(path, fingerprint, isTemporary)!;
    }

    /// <summary>Opens a file of these examples; null where there is none, or one of others.</summary>
    public static EncodedData? Open(string path, byte[] fingerprint, bool isTemporary = false)
    {
        if (!File.Exists(path)) return null;
        var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, 1 << 16, isTemporary ? FileOptions.DeleteOnClose : FileOptions.RandomAccess);
        try
        {
            using var reader = new BinaryReader(file, System.Text.Encoding.UTF8, leaveOpen: true);
            var end = file.Length - Magic.Length - sizeof(long);
            if (end < Magic.Length + fingerprint.Length || !reader.ReadBytes(Magic.Length).AsSpan().SequenceEqual(Magic) || !reader.ReadBytes(fingerprint.Length).AsSpan().SequenceEqual(fingerprint)) return Close();
            file.Position = end;
            var rest = reader.ReadInt64();
            if (!reader.ReadBytes(Magic.Length).AsSpan().SequenceEqual(Magic)) return Close();
            file.Position = rest;
            var train = new ExampleFile(file, reader.ReadList(reader.ReadInt64));
            return new(
                train, reader.ReadList(reader.ReadInt32), reader.ReadList(() => Example([.. reader.ReadList(reader.ReadInt32)])),
                reader.ReadList(() => new Judging.AnswerPair(reader.ReadString(), reader.ReadString(), reader.ReadString())), RowRecord.Load(reader));
        }
        catch
        {
            file.Dispose();
            throw;
        }

        EncodedData? Close()
        {
            file.Dispose();
            return null;
        }
    }

    /// <inheritdoc/>
    public IEnumerator<TrainingExample> GetEnumerator()
    {
        for (var i = 0; i < Count; i++) yield return this[i];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <inheritdoc/>
    public void Dispose() => file.Dispose();

    private static int[] Numbers(TrainingExample example) =>
        [example.Ids.Length, example.Trained.Length, example.Label, .. example.Ids, .. example.Trained.SelectMany(range => (int[])[range.Start, range.End])];

    private static TrainingExample Example(int[] numbers)
    {
        var ranges = numbers.AsSpan(Head + numbers[0]);
        var trained = new (int, int)[numbers[1]];
        for (var i = 0; i < trained.Length; i++) trained[i] = (ranges[2 * i], ranges[(2 * i) + 1]);
        return new(numbers[Head..(Head + numbers[0])], trained, numbers[2]);
    }
}
