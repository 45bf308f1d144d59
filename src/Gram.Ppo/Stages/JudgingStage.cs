using Gram.Models;
using Gram.Ppo.Records;
using Gram.Reward.Judging;

namespace Gram.Ppo.Stages;

/// <summary>2. Judges each sample against the reference response, or against the query's other samples, as cleaned text; asks the reward's other terms.</summary>
/// <param name="scoring">Judge and marker rule.</param>
/// <param name="text">What of a response is judged.</param>
/// <param name="from">Whether samples are judged against a reference or against one another.</param>
/// <param name="reference">What samples are judged against.</param>
/// <param name="initialAnswers">The starting policy's greedy answers by prompt index (reference: initial).</param>
/// <param name="terms">The reward's other terms.</param>
public sealed class JudgingStage(PairScoring scoring, AnswerText text, RewardFrom from, Reference reference, IReadOnlyList<string> initialAnswers, TermScoring terms)
{
    /// <summary>Begins to score all rows of a rollout as one batch. A judge of this device has done so when this returns.</summary>
    public Judging Begin(Rollout rollout, CancellationToken cancellationToken) => new(rollout, due => JudgeAsync(rollout, due, cancellationToken));

    private async Task<Judgement> JudgeAsync(Rollout rollout, Task due, CancellationToken cancellationToken)
    {
        var (verdicts, judged, seconds) = from == RewardFrom.RoundRobin
            ? await scoring.RoundRobinAsync([.. rollout.Rows.Select(row => (row.Query, row.Prompt.Question, text.Of(row.Prompt, row.Response)))], cancellationToken, due)
            : await scoring.ScoreAsync([.. rollout.Rows.Select(row => (row.Prompt.Question, text.Of(row.Prompt, row.Response), ReferenceOf(row)))], cancellationToken, due);
        return new Judgement(rollout, verdicts, judged) { Seconds = seconds, Terms = await terms.ScoreAsync(rollout, verdicts, cancellationToken) };
    }

    /// <summary>Checks that prompts have the answers of their own that reference: dataset needs.</summary>
    /// <exception cref="GramException">One has none.</exception>
    public static void CheckReferences(Reference reference, IReadOnlyList<PolicyPrompt> prompts)
    {
        if (reference != Reference.Dataset || prompts.FirstOrDefault(prompt => prompt.Prompt.Reference is null) is not { } bare) return;
        throw new GramException($"training prompt {bare.Index + 1} has no answer of its own, which reference: dataset needs; use reference: greedy or initial");
    }

    private string ReferenceOf(RolloutRow row) => reference switch
    {
        Reference.Greedy => text.Of(row.Prompt, row.Greedy!),
        Reference.Initial => initialAnswers[row.Prompt.Index],
        _ => JudgeText.Clean(row.Prompt.Prompt.Reference!),
    };
}
