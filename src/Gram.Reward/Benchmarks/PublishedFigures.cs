namespace Gram.Reward.Benchmarks;

/// <summary>A row of a published table, in percent as printed.</summary>
/// <param name="Model">The model.</param>
/// <param name="Groups">Figures by group.</param>
/// <param name="Average">The table's average.</param>
public sealed record PublishedRow(string Model, IReadOnlyDictionary<string, double> Groups, double Average);

/// <summary>The tables of GRAM's README (github.com/NiuTrans/GRAM, September 2025), to be shown beside one's own figures. None of them was measured here.</summary>
public static class PublishedFigures
{
    private static readonly PublishedRow[] JudgeBench = Rows(["Knowledge", "Reasoning", "Math", "Coding"],
    [
        ("GRAM-Qwen3-14B", [63.0, 64.3, 89.3, 69.1], 71.4),
        ("GRAM-LLaMA3.2-3B", [59.7, 64.3, 84.0, 71.4], 69.9),
        ("GRAM-Qwen3-8B", [62.3, 64.3, 80.4, 64.3], 67.8),
        ("nvidia/Llama-3.1-Nemotron-70B-Reward", [62.3, 72.5, 76.8, 57.1], 67.2),
        ("GRAM-Qwen3-4B", [59.7, 59.2, 80.4, 64.3], 65.9),
        ("GRAM-Qwen3-1.7B", [60.4, 65.3, 78.6, 57.1], 65.4),
        ("Skywork/Skywork-Reward-Gemma-2-27B-v0.2", [59.7, 66.3, 83.9, 50.0], 65.0),
        ("Skywork/Skywork-Reward-Llama-3.1-8B-v0.2", [59.1, 64.3, 76.8, 50.0], 62.6),
        ("internlm/internlm2-20b-reward", [62.3, 69.4, 66.1, 50.0], 62.0),
    ]);

    private static readonly PublishedRow[] RmBench = Rows(["chat", "code", "math", "safety"],
    [
        ("nvidia/Llama-3.1-Nemotron-70B-Reward", [70.7, 57.4, 64.3, 90.3], 70.7),
        ("Skywork/Skywork-Reward-Gemma-2-27B-v0.2", [71.8, 56.6, 59.2, 94.3], 70.5),
        ("GRAM-Qwen3-14B", [67.4, 55.2, 62.8, 94.3], 69.9),
        ("nvidia/Nemotron-340B-Reward", [71.2, 59.4, 59.8, 87.5], 69.5),
        ("GRAM-Qwen3-8B", [63.5, 53.9, 62.9, 92.8], 68.3),
        ("internlm/internlm2-20b-reward", [63.1, 56.7, 66.8, 86.5], 68.3),
        ("GRAM-Qwen3-4B", [61.1, 54.7, 61.6, 92.9], 67.6),
        ("GRAM-Qwen3-1.7B", [59.6, 53.6, 59.6, 91.8], 66.2),
        ("GRAM-LLaMA3.2-3B", [56.8, 50.0, 56.3, 88.7], 63.0),
    ]);

    /// <summary>The table of a benchmark; empty where GRAM publishes none.</summary>
    public static IReadOnlyList<PublishedRow> Of(Benchmark benchmark) => benchmark switch
    {
        Benchmarks.JudgeBench => JudgeBench,
        Benchmarks.RmBench => RmBench,
        _ => [],
    };

    private static PublishedRow[] Rows(string[] groups, (string Model, double[] Figures, double Average)[] rows) =>
        [.. rows.Select(row => new PublishedRow(row.Model, groups.Zip(row.Figures).ToDictionary(pair => pair.First, pair => pair.Second), row.Average))];
}
