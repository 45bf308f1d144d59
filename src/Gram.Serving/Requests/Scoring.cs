using Gram.Models;
using Gram.Models.Tokenization;
using Gram.Ppo.Mathematics;
using Gram.Reward.Data;
using Gram.Reward.Judging;
using Gram.Reward.Serving;
using Gram.Serving.References;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Gram.Serving.Requests;

/// <summary>An answer that a trainer wants a reward for.</summary>
/// <param name="Prompt">What was asked.</param>
/// <param name="Text">What was answered.</param>
/// <param name="Label">The request's own reference answer, or null.</param>
/// <param name="Where">Names it in errors.</param>
internal sealed record AnswerToScore(Prompt Prompt, string Text, string? Label, string Where);

/// <summary>What a trainer's answer is worth.</summary>
/// <param name="Score">Its score p against the reference; the lowest where it talks to the judge and is to be punished for it.</param>
/// <param name="Reward">The score, transformed.</param>
/// <param name="OrderDisagreement">The pair's position bias.</param>
/// <param name="HasMarkers">Whether it imitates the judge prompt's markers.</param>
/// <param name="Pair">What was judged.</param>
internal readonly record struct AnswerReward(double Score, double Reward, double OrderDisagreement, bool HasMarkers, AnswerPair Pair);

/// <summary>What all protocols do with texts: check them, find what they are judged against, judge.</summary>
internal sealed partial class Scoring(RewardServerOptions options, ServedJudge judge, IEnumerable<IReferenceAnswers> references, ILogger<Scoring> logger)
{
    private readonly RenderedText? rendered = options.Template is { } template ? new(template) : null;

    /// <summary>The body of a request, which is refused unread where there is no room for it.</summary>
    /// <exception cref="GramException">It is not what the path takes.</exception>
    public ValueTask<T> ReadAsync<T>(HttpContext context)
    {
        judge.CheckRoom();
        return ServingJson.ReadAsync<T>(context);
    }

    /// <summary>A list of a request, where none of its items is null.</summary>
    /// <exception cref="GramException">One is.</exception>
    public static IReadOnlyList<T> Whole<T>(IReadOnlyList<T> items, string where)
    {
        for (var i = 0; i < items.Count; i++)
            if (items[i] is null) throw new GramException($"{where}[{i}] is null");
        return items;
    }

    /// <summary>A text of a request, where it is not too long.</summary>
    /// <exception cref="GramException">It is.</exception>
    public string Checked(string text, string where) => text.Length <= options.MaxTextLength
        ? text
        : throw new GramException($"{where} has {text.Length} characters, and this server takes {options.MaxTextLength} (max_text_length): send a shorter text");

    /// <summary>The prompt that a request's fields give.</summary>
    /// <exception cref="GramException">There is none, or both, or a conversation is none.</exception>
    public Prompt PromptOf(string? prompt, IReadOnlyList<Turn>? messages, string where)
    {
        if (prompt is null == messages is null) throw new GramException($"{where}: one of prompt and messages is needed");
        return prompt is not null ? new(Checked(prompt, $"{where}: prompt")) : Conversation(messages!, $"{where}: messages");
    }

    /// <summary>A conversation that ends with the user's turn.</summary>
    /// <param name="messages">Its turns.</param>
    /// <param name="where">Names it in errors.</param>
    /// <param name="principle">What stands before it like a system message; blank or null: nothing.</param>
    /// <exception cref="GramException">It does not, or has a role that is not known.</exception>
    public Prompt Conversation(IReadOnlyList<Turn> messages, string where, string? principle = null)
    {
        var turns = Whole(messages, where).Select((turn, i) => turn.Role is "system" or "user" or "assistant"
            ? new ChatMessage(turn.Role, Checked(turn.Content, $"{where}[{i}].content"))
            : throw new GramException($"{where}[{i}].role is \"{turn.Role}\": system, user and assistant are known")).ToList();
        if (turns is not [.., { Role: "user" }]) throw new GramException($"{where}: must end with a user's turn");
        return Prompt.Of(string.IsNullOrWhiteSpace(principle) ? turns : [new ChatMessage("system", Checked(principle, nameof(principle))), .. turns]);
    }

    /// <summary>A pair as the judge reads it.</summary>
    public AnswerPair PairOf(Prompt prompt, string first, string second) => new(prompt.QuestionAs((judge.Config ?? GramConfig.Published).TurnFormat), first, second);

    /// <summary>Scores of pairs, in their order.</summary>
    /// <exception cref="GramException">There are too many, or one cannot be judged.</exception>
    public async ValueTask<IReadOnlyList<PairScore>> ScoreAsync(HttpContext context, IReadOnlyList<AnswerPair> pairs)
    {
        CheckCount(pairs.Count);
        var record = RequestRecord.Of(context);
        record.Pairs += pairs.Count;
        if (pairs.Count == 0) return [];
        var scores = await judge.ScoreAsync(pairs, context.RequestAborted);
        if (options.LogTexts && logger.IsEnabled(LogLevel.Information))
            foreach (var (pair, score) in pairs.Zip(scores)) LogPair(record.Id, pair.Question, pair.AnswerA, pair.AnswerB, score.ScoreA);
        return scores;
    }

    /// <summary>Refuses a request of too many pairs.</summary>
    /// <exception cref="GramException">It is one.</exception>
    public void CheckCount(long pairs)
    {
        if (pairs > options.MaxPairs) throw new GramException($"the request asks for {pairs} pairs, and this server takes {options.MaxPairs} at a time (max_pairs): send fewer");
    }

    /// <summary>What a pair costs, in tokens.</summary>
    public long TokensOf(AnswerPair pair) => judge.TokensOf(pair);

    /// <summary>Whether an answer imitates the judge prompt's markers.</summary>
    public bool HasMarkers(string answer) => MarkerDetection.ImitatesMarkers(answer, judge.Config ?? GramConfig.Published);

    /// <summary>A trainer's answer's score: the lowest where it has markers and is to be punished for them.</summary>
    public double Punished(double score, bool hasMarkers) => hasMarkers && options.MarkerPenalty ? 0 : score;

    /// <summary>A score as a trainer's reward.</summary>
    public double RewardOf(double score) => RewardTransforms.Apply(options.RewardTransform, score, options.RewardClip);

    /// <summary>A prompt and its answer from one text.</summary>
    /// <param name="text">Both, as a chat template has rendered them.</param>
    /// <param name="prompt">The prompt, as the text begins; null where the client sends none.</param>
    /// <param name="label">The request's reference, or null.</param>
    /// <param name="where">Names the text in errors.</param>
    /// <exception cref="GramException">Nothing says where the answer begins.</exception>
    public AnswerToScore Split(string text, string? prompt, string? label, string where)
    {
        Checked(text, where);
        if (prompt is not null && text.StartsWith(prompt, StringComparison.Ordinal))
        {
            // The prompt's own end, not a marker in the answer, says where the answer begins.
            var answer = text[prompt.Length..];
            return rendered is null ? new(new Prompt(prompt), answer, label, where) : new(rendered.ReadPrompt(prompt, $"the prompt of {where}"), rendered.Answer(answer), label, where);
        }
        if (rendered is null) throw new GramException($"{where}: nothing says where its answer begins: send the prompt that it begins with, or name the chat template that wrote it (template)");
        var (asked, answered) = rendered.Read(text, where);
        return new(asked, answered, label, where);
    }

    /// <summary>Rewards of answers, in their order.</summary>
    /// <exception cref="GramException">One of them has no reference, or cannot be judged.</exception>
    public async ValueTask<IReadOnlyList<AnswerReward>> RewardAsync(HttpContext context, IReadOnlyList<AnswerToScore> answers)
    {
        CheckCount(answers.Count);
        var found = await Task.WhenAll(answers.Select(answer => ReferenceAsync(answer, context.RequestAborted)));
        AnswerPair[] pairs = [.. answers.Zip(found, (answer, reference) => PairOf(answer.Prompt, JudgeText.Clean(answer.Text), JudgeText.Clean(reference)))];
        var scores = await ScoreAsync(context, pairs);
        return [.. pairs.Zip(scores, (pair, score) =>
        {
            var marked = HasMarkers(pair.AnswerA);
            var p = Punished(score.ScoreA, marked);
            return new AnswerReward(p, RewardOf(p), score.OrderDisagreement, marked, pair);
        })];
    }

    private async Task<string> ReferenceAsync(AnswerToScore answer, CancellationToken cancellationToken)
    {
        if (answer.Label is { Length: > 0 } label) return Checked(label, $"the label of {answer.Where}");
        foreach (var source in references)
            if (await source.FindAsync(answer.Prompt, cancellationToken) is { } reference) return reference;
        throw new GramException($"{answer.Where}: there is no answer to judge it against: send a label, or start the server with reference_file or reference_model");
    }

    [LoggerMessage(EventId = 3, EventName = "Pair", Level = LogLevel.Information, Message = "request {RequestId}: {Question} | {AnswerA} | {AnswerB}: {Score}")]
    private partial void LogPair(string requestId, string question, string answerA, string answerB, double score);
}
