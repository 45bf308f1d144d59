using System.Buffers.Binary;
using System.Text;
using Gram.Models.Native;

namespace Gram.Models.Tests.Native;

public sealed class GlibcxxPatchTests
{
    [Fact]
    public void MakeWeak_OneOfTwoVersionNeeds_MarksThatOneAlone()
    {
        var elf = LibraryThatNeeds("GLIBCXX_3.4", "GLIBCXX_3.4.32");
        var before = elf.ToArray();

        GlibcxxPatch.MakeWeak(elf, "GLIBCXX_3.4.32").Should().Be(1);

        var changed = Enumerable.Range(0, elf.Length).Where(i => elf[i] != before[i]);
        changed.Should().Equal(FirstAux + 16 + 4);
        elf[FirstAux + 16 + 4].Should().Be(2, "VER_FLG_WEAK");
        GlibcxxPatch.MakeWeak(elf, "GLIBCXX_9").Should().Be(0);
    }

    [Fact]
    public void MakeWeak_NotAnElfLibrary_ChangesNothing()
    {
        var text = Encoding.ASCII.GetBytes(new string('x', 100));

        GlibcxxPatch.MakeWeak(text, "GLIBCXX_3.4.32").Should().Be(0);
    }

    [Fact]
    public void Copy_SameLibraryTwice_IsOneFileByContent()
    {
        using var folder = new TemporaryDirectory();
        File.WriteAllBytes(folder.File("libx.so"), LibraryThatNeeds("GLIBCXX_3.4.32"));

        string[] cache = [folder.File("cache")];

        var copy = GlibcxxPatch.Copy(folder.File("libx.so"), cache);

        GlibcxxPatch.Copy(folder.File("libx.so"), cache).Should().Be(copy);
        Directory.GetFiles(cache[0]).Should().Equal(copy);
        File.ReadAllBytes(copy)[FirstAux + 4].Should().Be(2);
    }

    [Fact]
    public void Copy_FirstCacheFolderCannotBeWritten_TakesTheNext()
    {
        using var folder = new TemporaryDirectory();
        File.WriteAllBytes(folder.File("libx.so"), LibraryThatNeeds("GLIBCXX_3.4.32"));
        File.WriteAllText(folder.File("file"), "");

        var copy = GlibcxxPatch.Copy(folder.File("libx.so"), [folder.File("file/below"), folder.File("next")]);

        copy.Should().StartWith(folder.File("next"));
        File.Exists(copy).Should().BeTrue();
    }

    private const int Need = 64 + 2 * 64, FirstAux = Need + 16;

    // A header, two sections (.gnu.version_r and its strings), one Verneed with one Vernaux for each version.
    private static byte[] LibraryThatNeeds(params string[] versions)
    {
        var strings = FirstAux + 16 * versions.Length;
        var text = Encoding.ASCII.GetBytes("\0" + string.Concat(versions.Select(version => version + "\0")));
        var elf = new byte[strings + text.Length];
        "\u007fELF\u0002\u0001"u8.CopyTo(elf);
        Put64(40, 64);                  // e_shoff
        Put16(58, 64);                  // e_shentsize
        Put16(60, 2);                   // e_shnum
        Put32(64 + 4, 0x6ffffffe);      // sh_type SHT_GNU_verneed
        Put64(64 + 24, Need);           // sh_offset
        Put32(64 + 40, 1);              // sh_link: the strings
        Put64(128 + 24, (ulong)strings);
        Put16(Need + 2, (ushort)versions.Length); // vn_cnt
        Put32(Need + 8, 16);                      // vn_aux
        var name = 1;
        for (var i = 0; i < versions.Length; i++)
        {
            Put32(FirstAux + 16 * i + 8, (uint)name);                              // vna_name
            Put32(FirstAux + 16 * i + 12, i < versions.Length - 1 ? 16u : 0u);     // vna_next
            name += versions[i].Length + 1;
        }
        text.CopyTo(elf, strings);
        return elf;

        void Put16(int at, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(elf.AsSpan(at), value);
        void Put32(int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(elf.AsSpan(at), value);
        void Put64(int at, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(elf.AsSpan(at), value);
    }
}
