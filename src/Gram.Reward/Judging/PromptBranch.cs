namespace Gram.Reward.Judging;

/// <summary>A beginning that several prompts share, or the rest of one prompt: a branch of the tree of all prompts.</summary>
/// <param name="Ids">A prompt that begins with it.</param>
/// <param name="Start">Tokens before it, which are its parent's.</param>
/// <param name="End">Tokens to its end.</param>
/// <param name="Branches">What goes on from it; none for a prompt's rest.</param>
/// <param name="Prompt">For a prompt's rest, which prompt ends here.</param>
internal sealed record PromptBranch(int[] Ids, int Start, int End, IReadOnlyList<PromptBranch> Branches, int Prompt)
{
    /// <summary>A shared beginning is worth a branch where it saves at least this share of the tokens behind it.</summary>
    public const double WorthSharing = 0.1;

    /// <summary>Beginnings inside beginnings that are looked for.</summary>
    private const int Deepest = 64;

    /// <summary>Its own tokens.</summary>
    public int Length => End - Start;

    /// <summary>Whether a prompt ends here.</summary>
    public bool IsPrompt => Branches.Count == 0;

    /// <summary>The branches of prompts, after their first tokens, which are the same in all of them.</summary>
    /// <param name="prompts">Ids of the prompts.</param>
    /// <param name="start">Tokens that all of them begin with; each prompt is longer.</param>
    /// <param name="which">The prompts that are meant; null: all.</param>
    public static IReadOnlyList<PromptBranch> Of(IReadOnlyList<int[]> prompts, int start, IEnumerable<int>? which = null)
    {
        // In lexicographic order the prompts of a beginning lie side by side, and share what the first and the last of them share.
        var order = (which ?? Enumerable.Range(0, prompts.Count)).ToArray();
        Array.Sort(order, (a, b) => prompts[a].AsSpan().SequenceCompareTo(prompts[b]));
        var branches = new List<PromptBranch>();
        Add(branches, prompts, order, start, start, Deepest);
        return branches;
    }

    /// <summary>Adds the branches of prompts whose first <paramref name="shared"/> tokens are the same, of which the parent holds <paramref name="start"/>.</summary>
    private static void Add(List<PromptBranch> branches, IReadOnlyList<int[]> prompts, ReadOnlySpan<int> order, int start, int shared, int depth)
    {
        while (!order.IsEmpty)
        {
            var count = 1;
            while (count < order.Length && prompts[order[count]][shared] == prompts[order[0]][shared]) count++;
            var alike = order[..count];
            order = order[count..];
            var common = Common(prompts, alike);
            if (count == 1 || common == shared || depth == 0)
            {
                foreach (var prompt in alike) branches.Add(new(prompts[prompt], start, prompts[prompt].Length, [], prompt));
                continue;
            }
            if (!IsWorthSharing(prompts, alike, start, common))
            {
                Add(branches, prompts, alike, start, common, depth - 1);
                continue;
            }
            var inner = new List<PromptBranch>();
            Add(inner, prompts, alike, common, common, depth - 1);
            branches.Add(new(prompts[alike[0]], start, common, inner, -1));
        }
    }

    /// <summary>Tokens that all of some prompts in order begin with, at least one of each left over.</summary>
    private static int Common(IReadOnlyList<int[]> prompts, ReadOnlySpan<int> order)
    {
        var common = prompts[order[0]].AsSpan().CommonPrefixLength(prompts[order[^1]]);
        foreach (var prompt in order) common = Math.Min(common, prompts[prompt].Length - 1);
        return common;
    }

    private static bool IsWorthSharing(IReadOnlyList<int[]> prompts, ReadOnlySpan<int> order, int start, int common)
    {
        long all = 0;
        foreach (var prompt in order) all += prompts[prompt].Length - start;
        return (order.Length - 1) * (long)(common - start) >= WorthSharing * all;
    }
}
