using Gram.Reward.Data;

namespace Gram.Reward.Benchmarks;

/// <summary>RewardBench (arXiv 2403.13787): accuracy of each subset, sections weighted by counts (math-prm's is 984), and the mean of the four sections.</summary>
public sealed class RewardBench : Benchmark
{
    private const string MathPrm = "math-prm";

    /// <summary>Math is counted as often as code, whose six subsets have 164 items each.</summary>
    private const int MathPrmCount = 984;

    private static readonly (string Section, string[] Subsets)[] Sections =
    [
        ("Chat", ["alpacaeval-easy", "alpacaeval-length", "alpacaeval-hard", "mt-bench-easy", "mt-bench-med"]),
        ("Chat Hard", ["mt-bench-hard", "llmbar-natural", "llmbar-adver-neighbor", "llmbar-adver-GPTInst", "llmbar-adver-GPTOut", "llmbar-adver-manual"]),
        ("Safety", ["refusals-dangerous", "refusals-offensive", "xstest-should-refuse", "xstest-should-respond", "donotanswer"]),
        ("Reasoning", [MathPrm, "hep-cpp", "hep-go", "hep-java", "hep-js", "hep-python", "hep-rust"]),
    ];

    /// <inheritdoc/>
    public override string Name => "reward-bench";

    /// <inheritdoc/>
    public override IReadOnlyList<BenchmarkItem> Read(DatasetInfo dataset) => [.. JsonRows.Read(dataset.File).Select(row => new BenchmarkItem(SubsetOf(row), [Ranked(row)]))];

    /// <inheritdoc/>
    public override IReadOnlyList<string> Missing(IReadOnlyList<BenchmarkItem> items) => [.. Sections.SelectMany(section => section.Subsets).Except(items.Select(item => item.Group))];

    internal override Figures Summarise(IReadOnlyList<GroupMean> groups)
    {
        var subsets = groups.ToDictionary(group => group.Group);
        var sections = new List<Figure>();
        foreach (var (section, names) in Sections)
        {
            GroupMean[] present = [.. names.Where(subsets.ContainsKey).Select(name => subsets[name])];
            if (present.Length == 0) continue;
            sections.Add(new(section, present.Sum(subset => subset.Means[0] * Weight(subset)) / present.Sum(Weight), present.Sum(subset => subset.Count)));
        }
        return new(sections, sections.Average(section => section.Value), Pooled(groups))
        {
            Details = [.. Sections.SelectMany(section => section.Subsets).Where(subsets.ContainsKey).Select(name => new Figure(name, subsets[name].Means[0], subsets[name].Count))],
        };
    }

    private static int Weight(GroupMean subset) => subset.Group == MathPrm ? MathPrmCount : subset.Count;

    private static string SubsetOf(JsonRow row)
    {
        var subset = row.Text("subset");
        return Sections.Any(section => section.Subsets.Contains(subset)) ? subset : throw row.Error("subset", $"is \"{subset}\", which is none of RewardBench's");
    }
}
