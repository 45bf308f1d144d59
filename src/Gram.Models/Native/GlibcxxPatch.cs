using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Gram.Models.Checkpoints;

namespace Gram.Models.Native;

/// <summary>
/// LibTorchSharp is built with GCC 13 and asks for GLIBCXX_3.4.32 through one symbol that nothing in it uses
/// (_ZSt21ios_base_library_initv), so an older libstdc++ (Debian 12, Ubuntu 22.04) refuses it. Marking that one version
/// need as weak in a private copy makes it load.
/// </summary>
internal static class GlibcxxPatch
{
    private const string Version = "GLIBCXX_3.4.32";
    private const uint VersionNeedSection = 0x6ffffffe; // SHT_GNU_verneed
    private const ushort WeakFlag = 2;                  // VER_FLG_WEAK

    /// <summary>Path of a copy of the library, with the version need made weak; made once and kept by content hash, in the first of the folders that can be written.</summary>
    /// <exception cref="GramException">None can.</exception>
    public static string Copy(string library, IReadOnlyCollection<string> folders)
    {
        var bytes = File.ReadAllBytes(library);
        var name = $"{Path.GetFileNameWithoutExtension(library)}-{Convert.ToHexStringLower(SHA256.HashData(bytes))[..16]}.so";
        MakeWeak(bytes, Version);
        foreach (var folder in folders)
        {
            var path = Path.Combine(folder, name);
            try
            {
                if (!File.Exists(path) || !File.ReadAllBytes(path).AsSpan().SequenceEqual(bytes))
                {
                    AtomicFile.Write(path, stream => stream.Write(bytes));
                }
                return path;
            }
            catch (Exception error) when (error is GramException or IOException or UnauthorizedAccessException)
            {
                // Not writable: the next folder may be.
            }
        }
        throw new GramException($"no folder can be written for the patched copy of {library}: tried {string.Join(", ", folders)}; set XDG_CACHE_HOME to one that can");
    }

    /// <summary>Sets the weak flag on a version need of an ELF64 little-endian library; returns how many entries it marked.</summary>
    public static int MakeWeak(Span<byte> elf, string version)
    {
        if (elf.Length < 64 || !elf.StartsWith("\u007fELF\u0002\u0001"u8)) return 0;
        var sections = checked((int)U64(elf, 40)); // e_shoff
        int entrySize = U16(elf, 58), count = U16(elf, 60);
        var marked = 0;
        for (var i = 0; i < count; i++)
        {
            var header = sections + i * entrySize;
            if (U32(elf, header + 4) != VersionNeedSection) continue;
            var strings = checked((int)U64(elf, sections + checked((int)U32(elf, header + 40)) * entrySize + 24)); // sh_link's sh_offset
            var need = checked((int)U64(elf, header + 24));
            while (true)
            {
                var aux = need + (int)U32(elf, need + 8); // vn_aux
                for (var left = U16(elf, need + 2); left > 0; left--)
                {
                    if (TextAt(elf, strings + (int)U32(elf, aux + 8)) == version) // vna_name
                    {
                        BinaryPrimitives.WriteUInt16LittleEndian(elf[(aux + 4)..], (ushort)(U16(elf, aux + 4) | WeakFlag)); // vna_flags
                        marked++;
                    }
                    aux += (int)U32(elf, aux + 12); // vna_next
                }
                var next = (int)U32(elf, need + 12); // vn_next
                if (next == 0) break;
                need += next;
            }
        }
        return marked;
    }

    private static string TextAt(ReadOnlySpan<byte> elf, int offset)
    {
        var text = elf[offset..];
        return Encoding.ASCII.GetString(text[..text.IndexOf((byte)0)]);
    }

    private static ushort U16(ReadOnlySpan<byte> elf, int offset) => BinaryPrimitives.ReadUInt16LittleEndian(elf[offset..]);
    private static uint U32(ReadOnlySpan<byte> elf, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(elf[offset..]);
    private static ulong U64(ReadOnlySpan<byte> elf, int offset) => BinaryPrimitives.ReadUInt64LittleEndian(elf[offset..]);
}
