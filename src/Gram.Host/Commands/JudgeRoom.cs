using Gram.Models;
using Gram.Pipes.Events;
using Gram.Reward.Data;
using Gram.Reward.Judging;
using Gram.Training.Runs;

namespace Gram.Host.Commands;

/// <summary>Leaves out rows whose question alone fills the judge's context: answers are shortened to fit, questions are not.</summary>
internal static class JudgeRoom
{
    /// <summary>The rows that can be judged, in order; each of the others is named in a warning.</summary>
    /// <exception cref="GramException">None can be judged.</exception>
    public static List<T> Keep<T>(IReadOnlyList<T> rows, GramJudge judge, Func<T, JsonRow> source, Func<T, Prompt> prompt, IPublisher<Notice> notices)
    {
        var kept = new List<T>();
        foreach (var row in rows)
        {
            if (judge.Fits(new AnswerPair(prompt(row).QuestionAs(judge.Config.TurnFormat), "", ""))) kept.Add(row);
            else notices.Publish(new Notice($"{source(row).File}, row {source(row).Row}: left out, its question alone is longer than the judge's context", IsWarning: true));
        }
        return kept.Count > 0 ? kept : throw new GramException($"{source(rows[0]).File}: no row can be judged: each question alone is longer than the judge's context");
    }
}
