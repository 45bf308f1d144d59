using Gram.Host.Hosting;
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
    public static List<T> Keep<T>(IReadOnlyList<T> rows, OpenJudge judge, Func<T, JsonRow> source, Func<T, Prompt> prompt, IPublisher<Notice> notices)
    {
        var kept = rows.Where(row => Holds(judge, source(row), prompt(row), notices)).ToList();
        return kept.Count > 0 ? kept : throw NoneFits(source(rows[0]).File);
    }

    /// <summary>Whether a row can be judged; a warning says where it cannot.</summary>
    public static bool Holds(OpenJudge judge, JsonRow source, Prompt prompt, IPublisher<Notice> notices)
    {
        var holds = judge.Fits(new AnswerPair(prompt.QuestionAs(judge.Config.TurnFormat), "", ""));
        if (!holds) notices.Publish(new Notice($"{source.File}, row {source.Row}: left out, its question alone is longer than the judge's context", IsWarning: true));
        return holds;
    }

    /// <summary>The error of a file without a row that can be judged.</summary>
    public static GramException NoneFits(string file) => new($"{file}: no row can be judged: each question alone is longer than the judge's context");
}
