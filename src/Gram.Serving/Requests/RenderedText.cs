using System.Text.RegularExpressions;
using Gram.Models;
using Gram.Models.Tokenization;
using Gram.Reward.Data;

namespace Gram.Serving.Requests;

/// <summary>
/// Takes a conversation that a chat template has rendered apart again: trainers send a prompt with its answer in one text. What a
/// template writes around each role is learnt by rendering a conversation with it.
/// </summary>
internal sealed partial class RenderedText
{
    private const string Assistant = "assistant";

    private readonly string name, preface, system, close, closeMark;
    private readonly (string Role, string Open)[] openings;

    /// <summary>A reader of a template's texts.</summary>
    /// <exception cref="GramException">The template's turns cannot be told apart.</exception>
    public RenderedText(ChatTemplate template)
    {
        name = template.Name;
        var around = Around(template, [new("system", "s"), new("user", "u"), new(Assistant, "a"), new("user", "v")]);
        var single = Around(template, [new("user", "u")]);
        if (around.Count != 5 || single.Count != 2) throw Alike();
        (system, close) = (around[0], around[^1]);
        closeMark = close.TrimEnd();
        if (closeMark.Length == 0 || !around[2].StartsWith(close, StringComparison.Ordinal) || !around[3].StartsWith(close, StringComparison.Ordinal)) throw Alike();
        openings = [(Assistant, around[2][close.Length..]), ("user", around[3][close.Length..])];
        if (openings.Any(opening => opening.Open.Trim().Length == 0) || !single[0].EndsWith(openings[1].Open, StringComparison.Ordinal)) throw Alike();
        preface = single[0][..^openings[1].Open.Length];

        GramException Alike() => new($"template {name}: nothing tells its turns apart: name one with control tokens, or none where clients send the prompt apart");
    }

    /// <summary>The prompt and the answer of a text.</summary>
    /// <param name="text">A rendered conversation that ends with the assistant's turn, closed or not.</param>
    /// <param name="where">Names the text in errors.</param>
    /// <exception cref="GramException">It does not end with an answer to a user's turn.</exception>
    public (Prompt Prompt, string Answer) Read(string text, string where) =>
        Turns(text, where) is [.., { Role: "user" }, { Role: Assistant, Content: var answer }] turns
            ? (Prompt.Of(turns[..^1]), answer)
            : throw Unreadable(where, "it does not end with an assistant's turn after a user's");

    /// <summary>The prompt of a text that ends where an answer begins.</summary>
    /// <exception cref="GramException">It does not end with a user's turn.</exception>
    public Prompt ReadPrompt(string text, string where)
    {
        var turns = Turns(text, where);
        if (turns is [.., { Role: Assistant, Content: var begun }] && Thought().Replace(begun, "").Length == 0) turns = turns[..^1]; // the answer's opening, with the think block that a template may write
        return turns is [.., { Role: "user" }] ? Prompt.Of(turns) : throw Unreadable(where, "it does not end with a user's turn");
    }

    /// <summary>What stands of an answer before its turn is closed.</summary>
    public string Answer(string text) => text.IndexOf(closeMark, StringComparison.Ordinal) is >= 0 and var end ? text[..end] : text;

    private ChatMessage[] Turns(string text, string where)
    {
        var turns = new List<ChatMessage>();
        var at = Padding().Match(text).Length;
        // Padding may take the template's own first token with it.
        while (at > 0 && !Begins(text, at)) at = text.LastIndexOf('<', at - 1);
        // A system turn of the template's own, or one of the conversation's: of two that fit, the longer one says which.
        var (own, given) = (StartsAt(text, at, preface), StartsAt(text, at, system));
        if (given && (!own || system.Length > preface.Length)) at = Add("system", at + system.Length);
        else if (own) at += preface.Length;
        while (at < text.Length)
        {
            var (role, open) = openings.FirstOrDefault(opening => StartsAt(text, at, opening.Open));
            if (role is null && turns is [.., { Role: Assistant }]) break; // padding after the end
            if (role is null) throw Unreadable(where, turns.Count == 0 ? "it does not begin with a turn" : "something stands between two turns");
            at = Add(role, at + open.Length);
        }
        return [.. turns];

        int Add(string role, int start)
        {
            var end = text.IndexOf(closeMark, start, StringComparison.Ordinal);
            turns.Add(new(role, end < 0 ? text[start..] : text[start..end]));
            return end < 0 ? text.Length : end + (StartsAt(text, end, close) ? close.Length : closeMark.Length);
        }
    }

    private bool Begins(string text, int at) => (preface.Length > 0 && StartsAt(text, at, preface)) || StartsAt(text, at, system) || openings.Any(opening => StartsAt(text, at, opening.Open));

    private static bool StartsAt(string text, int at, string part) => string.CompareOrdinal(text, at, part, 0, part.Length) == 0;

    /// <summary>What a template writes before, between and after the contents of a conversation.</summary>
    private static List<string> Around(ChatTemplate template, ChatMessage[] messages)
    {
        var around = new List<string> { "" };
        foreach (var piece in template.Pieces(messages, addGenerationPrompt: false))
        {
            if (piece.IsContent && messages.Any(message => message.Content == piece.Text)) around.Add("");
            else around[^1] += piece.Text;
        }
        return around;
    }

    private GramException Unreadable(string where, string why) => new($"{where} is no conversation as template {name} writes it: {why}");

    [GeneratedRegex(@"\A(<\|\w+\|>|<pad>|</?s>)*")]
    private static partial Regex Padding();

    [GeneratedRegex(@"\A\s*(<think>\s*(</think>\s*)?)?\z")]
    private static partial Regex Thought();
}
