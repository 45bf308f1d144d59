using Gram.Models;

namespace Gram.Reward.Judging;

/// <summary>A judge prompt cut at its slots: fills them, finds them again in a filled prompt, and gives the form of stage 1.</summary>
public sealed class JudgePrompt
{
    private const string QuestionSlot = "{question}", AnswerASlot = "{answer_a}", AnswerBSlot = "{answer_b}";

    private readonly string before, between, middle, after;

    /// <summary>The prompt of a judge.</summary>
    /// <exception cref="GramException">An answer's slot is missing or twice there, the slots are out of order, or there are not two different labels.</exception>
    public JudgePrompt(GramConfig config)
    {
        if (config.Labels.Count < 2 || config.Labels.Any(label => label is null) || config.Labels.Distinct().Count() < config.Labels.Count)
            throw new GramException($"a judge has two different labels or more, not {string.Join(", ", config.Labels.Select(label => label is null ? "null" : $"\"{label}\""))} (gram_candidate_labels)");
        var prompt = config.Prompt;
        foreach (var slot in new[] { AnswerASlot, AnswerBSlot })
            if (prompt.Split(slot).Length != 2) throw new GramException($"the judge prompt must hold {slot} once");
        HasQuestion = prompt.Contains(QuestionSlot, StringComparison.Ordinal);
        var question = HasQuestion ? prompt.IndexOf(QuestionSlot, StringComparison.Ordinal) : 0;
        var start = HasQuestion ? question + QuestionSlot.Length : 0;
        var a = prompt.IndexOf(AnswerASlot, StringComparison.Ordinal);
        var b = prompt.IndexOf(AnswerBSlot, StringComparison.Ordinal);
        if (prompt.Split(QuestionSlot).Length > 2 || start > a || a > b) throw new GramException($"the judge prompt must hold {QuestionSlot} (at most once), {AnswerASlot}, {AnswerBSlot} in this order");
        before = prompt[..question];
        between = prompt[start..a];
        middle = prompt[(a + AnswerASlot.Length)..b];
        after = prompt[(b + AnswerBSlot.Length)..];
    }

    /// <summary>Whether the prompt shows the question.</summary>
    public bool HasQuestion { get; }

    /// <summary>The prompt about two answers, in this order.</summary>
    public string Render(string question, string answerA, string answerB) =>
        string.Concat([before, HasQuestion ? question : "", between, answerA, middle, answerB, after]);

    /// <summary>Finds question and answers in a filled prompt (white space at its end apart, which published rows lack), or null.</summary>
    public AnswerPair? Parse(string text)
    {
        var end = after.TrimEnd();
        var body = text.TrimEnd();
        if (!body.StartsWith(before, StringComparison.Ordinal) || !body.EndsWith(end, StringComparison.Ordinal) || body.Length < before.Length + end.Length) return null;
        return Cut(body[before.Length..^end.Length], between, middle, HasQuestion);
    }

    /// <summary>
    /// The form of stage 1 (gram.md §4): the question with its header, and both answers with theirs. The instructions before
    /// and the verdict's line after are left out.
    /// </summary>
    public (string Input, string Target) RenderPretraining(string question, string answerA, string answerB) =>
        (QuestionHeader + (HasQuestion ? question : "") + Gap, string.Concat([AnswerHeader, answerA, middle, answerB, AnswerEnd]));

    /// <summary>Finds both answers in a stage-1 target, or null.</summary>
    public AnswerPair? ParsePretraining(string target)
    {
        if (!target.StartsWith(AnswerHeader, StringComparison.Ordinal) || !target.EndsWith(AnswerEnd, StringComparison.Ordinal) || target.Length < AnswerHeader.Length + AnswerEnd.Length) return null;
        return Cut(target[AnswerHeader.Length..^AnswerEnd.Length], "", middle, withQuestion: false);
    }

    /// <summary>A stage-1 target with other answers.</summary>
    public string PretrainingTarget(string answerA, string answerB) => string.Concat([AnswerHeader, answerA, middle, answerB, AnswerEnd]);

    private string QuestionHeader => before.LastIndexOf("\n\n", StringComparison.Ordinal) is >= 0 and var blank ? before[(blank + 2)..] : before;
    private string AnswerHeader => between.TrimStart('\n');
    private string Gap => between[..^AnswerHeader.Length];

    /// <summary>What closes answer B, without the last line, which asks for the verdict.</summary>
    private string AnswerEnd => after.LastIndexOf('\n') is >= 0 and var last ? after[..last].TrimEnd('\n') : "";

    private static AnswerPair? Cut(string body, string toA, string toB, bool withQuestion)
    {
        var a = withQuestion ? body.IndexOf(toA, StringComparison.Ordinal) : body.StartsWith(toA, StringComparison.Ordinal) ? 0 : -1;
        if (a < 0) return null;
        var answers = body[(a + toA.Length)..];
        var b = answers.IndexOf(toB, StringComparison.Ordinal);
        return b < 0 ? null : new(body[..a], answers[..b], answers[(b + toB.Length)..]);
    }
}
