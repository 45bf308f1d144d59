using Gram.Reward.Data;
using Gram.Reward.Judging;

namespace Gram.Host.Hosting;

/// <summary>What a run says of the pairs that it has scored, without keeping them.</summary>
internal sealed class JudgedRows
{
    private long asked, right;
    private double disagreement;

    /// <summary>Rows scored.</summary>
    public int Count { get; private set; }
    /// <summary>Rows that say which answer is better.</summary>
    public int Ranked { get; private set; }
    /// <summary>Pairs that took a judge: equal answers take none.</summary>
    public long Comparisons => asked;
    /// <summary>Mean order disagreement of those.</summary>
    public double OrderDisagreement => asked == 0 ? 0 : disagreement / asked;
    /// <summary>Share of the ranked rows whose better answer has the higher score; null where there are none.</summary>
    public double? Accuracy => Ranked == 0 ? null : (double)right / Ranked;

    /// <summary>Counts a row's score.</summary>
    public void Add(PairRow row, PairScore score)
    {
        Count++;
        if (row.IsRanked) Ranked++;
        if (row.IsRanked && score.ScoreA > score.ScoreB) right++;
        if (row.AnswerA == row.AnswerB) return;
        asked++;
        disagreement += score.OrderDisagreement;
    }
}
