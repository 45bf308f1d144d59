using Gram.Models;
using Gram.Models.Tokenization;
using Gram.Reward.Data;
using Gram.Reward.Judging;
using Gram.Reward.Training;

namespace Gram.Reward.Encoding;

/// <summary>What became of a row.</summary>
/// <param name="Example">The example; null where the row is left out.</param>
/// <param name="Pair">Stage 2: the pair behind it, the preferred answer as A, where it could be found and one is preferred.</param>
/// <param name="Dropped">Why it is left out.</param>
/// <param name="IsShortened">Whether its answers were shortened.</param>
/// <param name="IsOtherPrompt">Stage 2: whether it is written with another judge prompt.</param>
internal sealed record EncodedRow(TrainingExample? Example, AnswerPair? Pair = null, string? Dropped = null, bool IsShortened = false, bool IsOtherPrompt = false);

/// <summary>
/// Encodes rows of both GRAM stages, published or converted from ranking sets. Answers are shortened until template and
/// label fit (gram.md §3); stage-1 rows that hold no pair are plain supervised fine-tuning, with LLaMA-Factory's cut.
/// </summary>
internal sealed class GramExampleEncoder
{
    private readonly GramTrainingOptions options;
    private readonly GramConfig judge;
    private readonly JudgePrompt prompt;
    private readonly ConversationEncoder encoder;

    public GramExampleEncoder(GramTrainingOptions options, TrainingTemplate template, Tokenizer tokenizer, GramConfig judge)
    {
        (this.options, this.judge) = (options, judge);
        if (options.GramLoss && template.IsReasoning && options.EnableThinking == true)
            throw new GramException("enable_thinking: true trains a think block before the label, where gram_loss looks for the label: set enable_thinking: false");
        prompt = new(judge);
        encoder = new(template, tokenizer, options.EnableThinking, options.DefaultSystem);
        LabelIds = options.GramLoss ? JudgeLabels.Ids(tokenizer, judge.Labels) : [];
    }

    /// <summary>Ids of the labels; empty in stage 1.</summary>
    public int[] LabelIds { get; }

    /// <summary>Encodes a row. chosenFirst: whether the preferred answer of a ranking row is A.</summary>
    /// <exception cref="GramException">The row's label is none of the labels, or does not come out as its token.</exception>
    public EncodedRow Encode(DatasetRow row, bool chosenFirst)
    {
        if (row.Responses.Count == 0) return new(null, Dropped: "it has no answer, or its turns are out of order");
        return options.GramLoss ? Verdict(row, chosenFirst) : Pretraining(row, chosenFirst);
    }

    /// <summary>Ids before the label, as training sees them: to be compared with scoring's.</summary>
    public int[] PromptIds(string text) => encoder.Turns([new("user", text), new("assistant", judge.Labels[0])], "")[0].Source;

    private EncodedRow Verdict(DatasetRow row, bool chosenFirst)
    {
        if (row.Responses.Count == 2)
        {
            var pair = PairOf(row);
            var shown = chosenFirst ? pair : Swapped(pair);
            return Shorten(row, shown, (a, b) => Verdict(prompt.Render(shown.Question, a, b), chosenFirst ? 0 : 1, "")) with { Pair = pair };
        }
        var label = judge.Labels.ToList().IndexOf(row.Responses[0]);
        if (label < 0) throw row.Source.Error("output", $"is \"{row.Responses[0]}\", not one of the labels {string.Join(", ", judge.Labels.Select(known => $"\"{known}\""))} (gram_candidate_labels)");
        if (row.Messages.Count > 1) return new(null, Dropped: "it has several turns, and a judge prompt is one");
        var text = row.Messages[0].Content;
        if (prompt.Parse(text) is not { } parsed)
        {
            var example = Verdict(text, label, row.System);
            return example.Ids.Length <= options.MostTokens ? new(example, IsOtherPrompt: true)
                : new(null, Dropped: $"its {example.Ids.Length} tokens exceed cutoff_len {options.MostTokens}, and its judge prompt is another one, so that no answers are found to shorten (gram_prompt)");
        }
        // The row's own end is kept: published rows lack the prompt's last space.
        var end = text[text.TrimEnd().Length..];
        return Shorten(row, parsed, (a, b) => Verdict(prompt.Render(parsed.Question, a, b).TrimEnd() + end, label, row.System)) with { Pair = label switch { 0 => parsed, 1 => Swapped(parsed), _ => null } };
    }

    private TrainingExample Verdict(string text, int label, string? system)
    {
        var (source, target) = encoder.Turns([new("user", text), new("assistant", judge.Labels[label])], system)[0];
        return target[0] == LabelIds[label]
            ? new([.. source, .. target], [(source.Length, source.Length + target.Length)], label)
            : throw new GramException($"label \"{judge.Labels[label]}\" does not begin the answer under template {options.Template}: choose other labels (gram_candidate_labels)");
    }

    private EncodedRow Pretraining(DatasetRow row, bool chosenFirst)
    {
        if (row.Responses.Count == 2)
        {
            var shown = chosenFirst ? PairOf(row) : Swapped(PairOf(row));
            return Shorten(row, shown, (a, b) =>
            {
                var (input, target) = prompt.RenderPretraining(shown.Question, a, b);
                return Conversation([new("user", input)], target, "", int.MaxValue);
            });
        }
        if (prompt.ParsePretraining(row.Responses[0]) is { } pair)
            return Shorten(row, pair, (a, b) => Conversation(row.Messages, prompt.PretrainingTarget(a, b), row.System, int.MaxValue));
        if (options.Clean && RowCleaning.Problem(row.Messages[^1].Content, row.Responses) is { } problem) return new(null, Dropped: problem);
        var example = Conversation(row.Messages, row.Responses[0], row.System, options.MostTokens);
        return example.Trained.Length > 0 ? new(example) : new(null, Dropped: $"cutoff_len {options.MostTokens} leaves none of its target");
    }

    private AnswerPair PairOf(DatasetRow row) => new(row.Prompt!.QuestionAs(judge.TurnFormat), row.Responses[0], row.Responses[1]);

    private static AnswerPair Swapped(AnswerPair pair) => new(pair.Question, pair.AnswerB, pair.AnswerA);

    private TrainingExample Conversation(IReadOnlyList<ChatMessage> messages, string answer, string? system, int cutoff) =>
        SupervisedExample.Of(encoder.Turns([.. messages, new("assistant", answer)], system), cutoff, options.MaskHistory, options.TrainOnPrompt);

    private EncodedRow Shorten(DatasetRow row, AnswerPair pair, Func<string, string, TrainingExample> encode)
    {
        var example = encode(pair.AnswerA, pair.AnswerB);
        if (options.Clean && RowCleaning.Problem(prompt.HasQuestion ? row.Messages[^1].Content : null, [pair.AnswerA, pair.AnswerB]) is { } problem) return new(null, Dropped: problem);
        if (example.Ids.Length <= options.MostTokens) return new(example);
        if (options.Clean) return new(null, Dropped: $"its {example.Ids.Length} tokens exceed cutoff_len {options.MostTokens}");
        return AnswerShortening.Fit(pair.AnswerA, pair.AnswerB, (a, b) => encode(a, b).Ids.Length, options.MostTokens) is { } fit
            ? new(encode(fit.A, fit.B), IsShortened: true)
            : new(null, Dropped: $"it does not fit into cutoff_len {options.MostTokens} even with empty answers: question and judge prompt (gram_prompt) alone are longer");
    }
}
