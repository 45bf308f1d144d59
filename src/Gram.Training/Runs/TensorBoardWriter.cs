using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Text;

namespace Gram.Training.Runs;

/// <summary>
/// Writes scalars as TensorBoard reads them: TFRecords (length, checksum, data, checksum) of Event messages.
/// Sources: tensorflow/core/lib/io/record_writer.cc, tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto.
/// </summary>
internal sealed class TensorBoardWriter : IDisposable
{
    private readonly FileStream file;

    /// <summary>Starts a file in a directory; when resuming, TensorBoard is told to forget later steps of earlier files.</summary>
    public TensorBoardWriter(string directory, int resumeStep)
    {
        var seconds = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1000.0;
        var name = string.Create(CultureInfo.InvariantCulture, $"events.out.tfevents.{seconds:F3}.{Environment.MachineName}.{Environment.ProcessId}");
        file = new FileStream(Path.Combine(directory, name), FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0);
        Write(0, message => message.Bytes(3, "brain.Event:2"u8)); // file_version
        if (resumeStep > 0) Write(resumeStep + 1, message => message.Message(7, log => log.Varint(1, 1))); // session_log.status = START
    }

    /// <summary>Writes one step's values.</summary>
    public void Write(int step, IReadOnlyDictionary<string, double> values) => Write(step, message => message.Message(5, summary => // summary
    {
        foreach (var (tag, value) in values)
        {
            summary.Message(1, item => item.Bytes(1, Encoding.UTF8.GetBytes(tag)).Float(2, (float)value)); // value { tag, simple_value }
        }
    }));

    public void Dispose() => file.Dispose();

    private void Write(int step, Action<ProtoMessage> fill)
    {
        var message = new ProtoMessage();
        message.Double(1, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1000.0).Varint(2, (ulong)step); // wall_time, step
        fill(message);
        var data = message.ToArray();
        Span<byte> header = stackalloc byte[12];
        BinaryPrimitives.WriteUInt64LittleEndian(header, (ulong)data.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], MaskedCrc(header[..8]));
        Span<byte> footer = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(footer, MaskedCrc(data));
        file.Write(header);
        file.Write(data);
        file.Write(footer);
        file.Flush();
    }

    /// <summary>CRC-32C, rotated and offset so that checksums of data that hold checksums stay well mixed.</summary>
    internal static uint MaskedCrc(ReadOnlySpan<byte> data)
    {
        var crc = uint.MaxValue;
        foreach (var b in data) crc = BitOperations.Crc32C(crc, b);
        return BitOperations.RotateRight(~crc, 15) + 0xA282EAD8;
    }

    /// <summary>The few wire types of protocol buffers that events use.</summary>
    private sealed class ProtoMessage
    {
        private readonly List<byte> bytes = [];

        public byte[] ToArray() => [.. bytes];

        public ProtoMessage Varint(int field, ulong value) => Tag(field, 0).Raw(value);

        public ProtoMessage Double(int field, double value)
        {
            Tag(field, 1).bytes.AddRange(BitConverter.GetBytes(value));
            return this;
        }

        public ProtoMessage Float(int field, float value)
        {
            Tag(field, 5).bytes.AddRange(BitConverter.GetBytes(value));
            return this;
        }

        public ProtoMessage Bytes(int field, ReadOnlySpan<byte> value)
        {
            Tag(field, 2).Raw((ulong)value.Length).bytes.AddRange(value);
            return this;
        }

        public ProtoMessage Message(int field, Action<ProtoMessage> fill)
        {
            var inner = new ProtoMessage();
            fill(inner);
            return Bytes(field, inner.ToArray());
        }

        private ProtoMessage Tag(int field, int wireType) => Raw((ulong)((field << 3) | wireType));

        private ProtoMessage Raw(ulong value)
        {
            for (; value >= 0x80; value >>= 7) bytes.Add((byte)(value | 0x80));
            bytes.Add((byte)value);
            return this;
        }
    }
}
