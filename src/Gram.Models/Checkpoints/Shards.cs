using System.Globalization;
using System.Text.RegularExpressions;

namespace Gram.Models.Checkpoints;

/// <summary>How a model is cut into files, as huggingface_hub's split_state_dict_into_shards_factory does it.</summary>
public static partial class Shards
{
    /// <summary>transformers 5's max_shard_size.</summary>
    public const string DefaultSize = "50GB";

    /// <summary>What <see cref="ParseSize"/> takes: bytes, or a number of KB, MB, GB or TB (powers of 1000).</summary>
    public const string SizePattern = @"(\d+(?:\.\d+)?)\s*(?:([KMGTkmgt])[Bb])?";

    /// <summary>Bytes of a max_shard_size, for instance 5GB, 200MB or 1000000.</summary>
    /// <exception cref="GramException">It is none.</exception>
    public static long ParseSize(string size)
    {
        var match = Size().Match(size);
        if (!match.Success) throw new GramException($"max_shard_size: '{size}' is not a size; write for instance 5GB, 200MB or a number of bytes");
        var power = 1 + "KMGT".IndexOf(match.Groups[2].Value, StringComparison.OrdinalIgnoreCase);
        var bytes = double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) * (match.Groups[2].Success ? Math.Pow(1000, power) : 1);
        return (long)Math.Min(bytes, long.MaxValue);
    }

    /// <summary>Cuts items into runs, in their order, whose sizes together stay within the limit; one that exceeds it alone stands alone.</summary>
    internal static List<List<T>> Split<T>(IEnumerable<T> items, Func<T, long> size, long limit)
    {
        List<List<T>> shards = [];
        var (current, filled) = (new List<T>(), 0L);
        foreach (var item in items)
        {
            var bytes = size(item);
            if (bytes > limit)
            {
                shards.Add([item]);
                continue;
            }
            if (filled + bytes > limit)
            {
                shards.Add(current);
                (current, filled) = ([], 0);
            }
            current.Add(item);
            filled += bytes;
        }
        if (current.Count > 0) shards.Add(current);
        return shards;
    }

    [GeneratedRegex("^" + SizePattern + "$")]
    private static partial Regex Size();
}
