namespace Gram.Reward.Benchmarks;

/// <summary>Comparisons of like confidence.</summary>
/// <param name="Low">Lower end of the bin.</param>
/// <param name="High">Upper end; the last bin holds it.</param>
/// <param name="Count">Comparisons in it.</param>
/// <param name="Confidence">Their mean confidence; 0 in an empty bin.</param>
/// <param name="Accuracy">Share of them that are right; 0 in an empty bin.</param>
public readonly record struct CalibrationBin(double Low, double High, int Count, double Confidence, double Accuracy);

/// <summary>Whether a judge is right as often as it is sure.</summary>
/// <param name="ExpectedError">Expected calibration error, Σ count/n · |accuracy − confidence| over the bins (Guo et al. 2017).</param>
/// <param name="Bins">Ten bins of equal width over [½, 1], where the confidence in the preferred answer lies.</param>
public sealed record Calibration(double ExpectedError, IReadOnlyList<CalibrationBin> Bins)
{
    private const int BinCount = 10;
    private const double Least = 0.5, Width = (1 - Least) / BinCount;

    /// <summary>
    /// Calibration of verdicts. The confidence is max(p, 1 − p) with p the probability of the better answer: its score, or,
    /// where scores are rewards, Bradley–Terry's σ(chosen − rejected).
    /// </summary>
    /// <param name="verdicts">At least one.</param>
    public static Calibration Of(IReadOnlyCollection<Verdict> verdicts)
    {
        var areProbabilities = verdicts.All(verdict => verdict.IsProbability);
        var bins = new (int Count, double Confidence, int Right)[BinCount];
        foreach (var verdict in verdicts)
        {
            var p = areProbabilities ? verdict.Chosen : 1 / (1 + Math.Exp(verdict.Rejected - verdict.Chosen));
            var confidence = Math.Max(p, 1 - p);
            ref var bin = ref bins[Math.Min((int)((confidence - Least) / Width), BinCount - 1)];
            bin = (bin.Count + 1, bin.Confidence + confidence, bin.Right + (verdict.IsRight ? 1 : 0));
        }
        CalibrationBin[] means = [.. bins.Select((bin, i) => new CalibrationBin(
            Least + i * Width, Least + (i + 1) * Width, bin.Count, bin.Count == 0 ? 0 : bin.Confidence / bin.Count, bin.Count == 0 ? 0 : (double)bin.Right / bin.Count))];
        return new(means.Sum(bin => (double)bin.Count / verdicts.Count * Math.Abs(bin.Accuracy - bin.Confidence)), means);
    }
}
