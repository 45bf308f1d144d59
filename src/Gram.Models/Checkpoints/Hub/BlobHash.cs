using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Gram.Models.Checkpoints.Hub;

/// <summary>The hash that an ETag of the hub is: SHA-256 of a large file (LFS), git's SHA-1 of a small one.</summary>
internal static class BlobHash
{
    private const int BufferSize = 1 << 18;

    /// <summary>Whether a content is the one that the ETag names; true of a mirror's own ETag, which says nothing of it.</summary>
    public static async Task<bool> IsOfAsync(FileStream content, string etag, CancellationToken cancellationToken)
    {
        if (!etag.All(char.IsAsciiHexDigitLower) || etag.Length is not (64 or 40)) return true;
        using var hash = IncrementalHash.CreateHash(etag.Length == 64 ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA1);
        // A git object is its type, length and a zero byte before its content.
        if (etag.Length == 40) hash.AppendData(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {content.Length}\0")));
        var buffer = new byte[BufferSize];
        content.Position = 0;
        for (int count; (count = await content.ReadAsync(buffer, cancellationToken)) > 0;) hash.AppendData(buffer, 0, count);
        return Convert.ToHexStringLower(hash.GetHashAndReset()) == etag;
    }
}
