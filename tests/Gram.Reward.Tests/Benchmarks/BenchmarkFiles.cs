using System.Text.Json.Nodes;
using Gram.Reward.Benchmarks;
using Gram.Reward.Data;

namespace Gram.Reward.Tests.Benchmarks;

/// <summary>Evaluations of files of scores.</summary>
internal static class BenchmarkFiles
{
    public static Evaluation Evaluate(string benchmark, string scores, string? texts = null)
    {
        var known = Benchmark.ByName(benchmark);
        var (items, verdicts) = BenchmarkReader.Scores(known, scores, texts is null ? [] : BenchmarkReader.Items(known, [texts], ""));
        return Evaluation.Of("test", known, items, verdicts, samples: 100);
    }

    public static IReadOnlyList<BenchmarkItem> Read(string benchmark, string file) => Benchmark.ByName(benchmark).Read(DatasetInfo.Find(file, ""));

    /// <summary>Figures by name.</summary>
    public static Dictionary<string, double> ByName(this IEnumerable<Figure> figures) => figures.ToDictionary(figure => figure.Name, figure => figure.Value);

    /// <summary>Numbers of an object, by name.</summary>
    public static Dictionary<string, double> Numbers(this JsonNode node) => node.AsObject().ToDictionary(pair => pair.Key, pair => pair.Value!.GetValue<double>());

    public static string Write(this TemporaryDirectory folder, string name, params string[] lines)
    {
        File.WriteAllLines(folder.File(name), lines);
        return folder.File(name);
    }
}
