using System.Buffers.Binary;
using System.Text;
using Gram.Training.Runs;

namespace Gram.Training.Tests.Runs;

public sealed class TensorBoardWriterTests
{
    [Fact]
    public void MaskedCrc_OfTheStandardCheckString_IsItsMaskedChecksum()
    {
        // CRC-32C("123456789") = E3069283 (RFC 3720); mask: rotated right by 15, plus A282EAD8.
        TensorBoardWriter.MaskedCrc("123456789"u8).Should().Be(((0xE3069283u >> 15) | (0xE3069283u << 17)) + 0xA282EAD8u);
    }

    [Fact]
    public void Write_Scalars_AreRecordsOfEvents()
    {
        using var directory = new TemporaryDirectory();
        using (var writer = new TensorBoardWriter(directory.Path, resumeStep: 0))
        {
            writer.Write(300, new Dictionary<string, double> { ["loss"] = 0.5 });
        }

        var records = Records(Directory.GetFiles(directory.Path).Should().ContainSingle().Subject);

        records.Should().HaveCount(2);
        Encoding.UTF8.GetString(records[0]).Should().Contain("brain.Event:2");
        // After wall_time (field 1, 9 bytes): step = 300 (field 2), then
        // summary (5) { value (1) { tag (1) "loss", simple_value (2) 0.5f = 3F000000 } }.
        records[1][9..].Should().Equal([0x10, 0xAC, 0x02, 0x2A, 0x0D, 0x0A, 0x0B, 0x0A, 0x04, .. "loss"u8.ToArray(), 0x15, 0x00, 0x00, 0x00, 0x3F]);
    }

    [Fact]
    public void Write_WhenResuming_TellsTensorBoardToForgetLaterSteps()
    {
        using var directory = new TemporaryDirectory();
        using (new TensorBoardWriter(directory.Path, resumeStep: 4)) { }

        // step = 5 (field 2), session_log (field 7) { status (1) = START (1) }
        Records(Directory.GetFiles(directory.Path).Single())[1][9..].Should().Equal(0x10, 0x05, 0x3A, 0x02, 0x08, 0x01);
    }

    private static List<byte[]> Records(string path)
    {
        var bytes = File.ReadAllBytes(path);
        List<byte[]> records = [];
        for (var offset = 0; offset < bytes.Length;)
        {
            var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(offset));
            BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(offset + 8)).Should().Be(TensorBoardWriter.MaskedCrc(bytes.AsSpan(offset, 8)));
            records.Add(bytes[(offset + 12)..(offset + 12 + length)]);
            BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(offset + 12 + length)).Should().Be(TensorBoardWriter.MaskedCrc(records[^1]));
            offset += 12 + length + 4;
        }
        return records;
    }
}
