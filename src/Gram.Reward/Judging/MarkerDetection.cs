namespace Gram.Reward.Judging;

/// <summary>Finds answers that talk to their judge by writing the judge prompt's own markers (ppo.md §2).</summary>
public static class MarkerDetection
{
    /// <summary>From this length on, a marker counts wherever it stands; a shorter one (such as "B:") only at the start of a later line.</summary>
    private const int TellingLength = 8;

    private static readonly string[] Slots = ["{question}", "{answer_a}", "{answer_b}"];

    /// <summary>Whether a text holds one of the prompt's markers: the fixed texts of its lines from the one before the question on.</summary>
    public static bool ImitatesMarkers(string text, GramConfig config) =>
        Markers(config.Prompt).Any(marker => marker.Length >= TellingLength
            ? text.Contains(marker, StringComparison.OrdinalIgnoreCase)
            : text.Split('\n').Skip(1).Any(line => line.TrimStart().StartsWith(marker, StringComparison.OrdinalIgnoreCase)));

    /// <summary>For GRAM's own prompt: [User Question], [The Start of Assistant A's Answer], …, #Preferred:.</summary>
    internal static IReadOnlyList<string> Markers(string prompt)
    {
        var lines = prompt.Split('\n');
        var first = Array.FindIndex(lines, line => Slots.Any(line.Contains));
        return [.. lines.Skip(Math.Max(0, first - 1)).SelectMany(line => line.Split(Slots, StringSplitOptions.None)).Select(part => part.Trim()).Where(part => part.Length > 1).Distinct()];
    }
}
