using System.Text.Json;
using System.Text.Json.Serialization;
using static TorchSharp.torch;

namespace Gram.Training.Parallel;

/// <summary>What runs ask of a group, in its terms.</summary>
public static class ProcessGroupExtensions
{
    private static readonly JsonSerializerOptions Json = new() { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    /// <summary>Whether this process writes files and talks to people.</summary>
    public static bool Leads(this IProcessGroup group) => group.Rank == 0;

    /// <summary>Whether the item at a place, of those dealt out in turn, is this process's.</summary>
    public static bool IsMine(this IProcessGroup group, int place) => place % group.Size == group.Rank;

    /// <summary>This process's part of a list: neighbours, as many as everyone's but for one.</summary>
    public static (int From, int To) Part(this IProcessGroup group, int count) => (PartStart(group, count, group.Rank), PartStart(group, count, group.Rank + 1));

    /// <summary>All parts of a list, put together again in order.</summary>
    /// <param name="group">The processes.</param>
    /// <param name="own">This process's <see cref="Part"/>: what JSON gives back unchanged.</param>
    public static IReadOnlyList<T> Join<T>(this IProcessGroup group, IReadOnlyList<T> own) =>
        group.Size == 1 ? own : [.. group.Gather(JsonSerializer.SerializeToUtf8Bytes(own, Json)).SelectMany(part => JsonSerializer.Deserialize<T[]>(part, Json)!)];

    /// <summary>What the leading process has, in all.</summary>
    /// <param name="group">The processes.</param>
    /// <param name="own">What this one has; only the leader's counts.</param>
    public static T FromLeader<T>(this IProcessGroup group, T own) =>
        group.Size == 1 ? own : JsonSerializer.Deserialize<T>(group.Gather(group.Leads() ? JsonSerializer.SerializeToUtf8Bytes(own, Json) : [])[0], Json)!;

    /// <summary>Sums over all processes.</summary>
    public static double[] Total(this IProcessGroup group, params double[] numbers)
    {
        if (group.Size == 1) return numbers;
        using var sums = tensor(numbers, ScalarType.Float64);
        group.Sum(sums);
        return sums.data<double>().ToArray();
    }

    /// <summary>Whether it is so in any process.</summary>
    public static bool Any(this IProcessGroup group, bool here) => group.Total(here ? 1 : 0)[0] > 0;

    private static int PartStart(IProcessGroup group, int count, int rank) => (int)((long)count * rank / group.Size);
}
