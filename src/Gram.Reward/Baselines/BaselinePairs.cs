using Gram.Models;
using Gram.Reward.Data;
using Gram.Reward.Encoding;
using Gram.Reward.Judging;
using Gram.Reward.Training;

namespace Gram.Reward.Baselines;

/// <summary>The pairs that a GRAM run is trained on, as texts: what its baselines are trained on too.</summary>
public static class BaselinePairs
{
    /// <summary>The training pairs of a stage-2 run, held-out rows left out as the run leaves them out; the better answer is A.</summary>
    /// <exception cref="GramException">A data set is wrong, or holds no pairs.</exception>
    public static IReadOnlyList<AnswerPair> Load(GramTrainingOptions options)
    {
        var rows = options.Dataset.SelectMany(name => DatasetReader.Read(DatasetInfo.Find(name, options.DatasetDir)).Take(options.MaxSamples ?? int.MaxValue)).ToList();
        var heldOut = DataEncoding.HeldOut(rows.Count, options.ValSize, new RandomSource(options.Seed).Fork());
        var prompt = new JudgePrompt(GramConfig.Published with { Prompt = options.GramPrompt ?? GramConfig.Published.Prompt, Labels = options.GramCandidateLabels });
        AnswerPair[] pairs = [.. rows.Where((_, i) => !heldOut[i]).Select(PairOf).OfType<AnswerPair>()];
        return pairs.Length > 0 ? pairs : throw new GramException($"data set {string.Join(", ", options.Dataset)} holds no preferences: baselines are trained on what a stage-2 run is trained on");

        AnswerPair? PairOf(DatasetRow row) => row switch
        {
            { Responses: [var chosen, var rejected], Prompt: { } question } => new(question.Question, chosen, rejected),
            // A published row: a whole judge prompt and its label.
            { Responses: [var label], Messages: [var message] } when prompt.Parse(message.Content) is { } pair => label == options.GramCandidateLabels[0] ? pair
                : label == options.GramCandidateLabels[1] ? new(pair.Question, pair.AnswerB, pair.AnswerA)
                : null,
            _ => null,
        };
    }
}
