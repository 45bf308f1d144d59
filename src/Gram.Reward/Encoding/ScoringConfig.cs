using Gram.Models;
using Gram.Models.Tokenization;
using Gram.Reward.Judging;
using Gram.Reward.Training;

namespace Gram.Reward.Encoding;

/// <summary>The gram_config.json of a judge in training: its prompt and labels, and the template that scoring will use.</summary>
internal static class ScoringConfig
{
    /// <summary>
    /// gram_prompt, else the prompt that the model was trained with before, else GRAM's own. Scoring uses the checkpoint's own
    /// chat template, whatever training is called; the training template's name where the checkpoint has none.
    /// </summary>
    /// <exception cref="GramException">The prompt lacks a slot, or no template is known for scoring.</exception>
    public static GramConfig Of(GramTrainingOptions options, Tokenizer tokenizer)
    {
        var before = GramConfig.Read(options.Start.FolderOf(GramConfig.FileName));
        return before with
        {
            Prompt = options.GramPrompt ?? before.Prompt,
            Labels = options.GramCandidateLabels,
            Template = TemplateName(options, tokenizer),
            EnableThinking = options.EnableThinking,
        };
    }

    /// <summary>How the prompt before the label differs between training and scoring, in one line; null where it does not.</summary>
    public static string? Difference(GramConfig judge, TrainingTemplate template, GramExampleEncoder encoder, Tokenizer tokenizer)
    {
        var text = new JudgePrompt(judge).Render("question", "one answer", "another");
        var own = ChatTemplate.Resolve(judge.Template, tokenizer);
        var training = encoder.PromptIds(text);
        var scoring = own.Encode(tokenizer, [new("user", text)], addGenerationPrompt: true, judge.EnableThinking);
        return training.AsSpan().SequenceEqual(scoring) ? null
            : $"template {template.Name} writes the judge prompt in {training.Length} tokens, scoring (the checkpoint's own {own.Name}) in {scoring.Length}: the judge will score another text than it was trained on; template: auto trains on the same";
    }

    private static string? TemplateName(GramTrainingOptions options, Tokenizer tokenizer)
    {
        var named = options.Template is "" or "auto" ? null : options.Template;
        if (named == GramConfig.NoTemplate) return named;
        if (tokenizer.ChatTemplateSource is not null)
        {
            try
            {
                var own = ChatTemplate.ForCheckpoint(tokenizer).Name;
                return own == "auto" ? null : own;
            }
            catch (GramException) when (named is not null && ChatTemplate.Names.Contains(named))
            {
                return named;
            }
        }
        return named is not null && ChatTemplate.Names.Contains(named) ? named
            : options.GramLoss ? ChatTemplate.Resolve(named, tokenizer).Name
            : null;
    }
}
