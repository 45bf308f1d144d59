using System.Text;
using System.Text.RegularExpressions;

namespace Gram.Models.Tokenization;

/// <summary>One turn of a conversation.</summary>
/// <param name="Role">system, user or assistant.</param>
/// <param name="Content">Its text.</param>
public sealed record ChatMessage(string Role, string Content);

/// <summary>A piece of a rendered prompt: template text (whose control tokens are control tokens) or content (only ever text).</summary>
public readonly record struct TemplatePiece(string Text, bool IsContent);

/// <summary>How a checkpoint writes conversations: qwen3, llama3, chatml, smollm2, … A template is known by name or recognised from the checkpoint's own; never guessed.</summary>
public abstract partial class ChatTemplate
{
    private static readonly Dictionary<string, Func<ChatTemplate>> Known = new()
    {
        ["chatml"] = () => TurnTemplate.ChatMl,
        ["smollm2"] = () => TurnTemplate.SmolLM2,
        ["qwen2_5"] = () => TurnTemplate.Qwen25,
        ["qwen3"] = () => new Qwen3Template(),
        ["qwen3_instruct_2507"] = () => TurnTemplate.Qwen3Instruct2507,
        ["llama3"] = () => TurnTemplate.Llama3,
        ["llama3_1"] = () => new Llama31Template("llama3_1"),
        ["llama3_2"] = () => new Llama31Template("llama3_2"),
        ["none"] = () => new PlainTemplate(),
    };

    /// <summary>Names that <see cref="ByName"/> knows.</summary>
    public static IReadOnlyCollection<string> Names => Known.Keys;

    /// <summary>Name by which gram_config.json and YAML files know the template; "auto" for one that only its checkpoint has.</summary>
    public abstract string Name { get; }

    /// <summary>A template by name; "none" is the messages as they are.</summary>
    /// <exception cref="GramException">The name is unknown; the message lists the known ones.</exception>
    public static ChatTemplate ByName(string name) => Known.TryGetValue(name, out var create)
        ? create()
        : throw new GramException($"chat template {name} is not known: name one of {string.Join(", ", Known.Keys)}, or auto for the checkpoint's own");

    /// <summary>Recognises a checkpoint's own template from its jinja text.</summary>
    /// <param name="jinja">The text.</param>
    /// <param name="bosToken">The checkpoint's begin-of-text token, which some templates write.</param>
    /// <exception cref="GramException">It is none of the known ones.</exception>
    public static ChatTemplate Recognise(string jinja, string? bosToken = null) => TemplateRecogniser.Recognise(jinja, bosToken);

    /// <summary>The template that a checkpoint brings.</summary>
    /// <exception cref="GramException">It brings none, or one that is not known.</exception>
    public static ChatTemplate ForCheckpoint(Tokenizer tokenizer) => tokenizer.ChatTemplateSource is { } jinja
        ? Recognise(jinja, tokenizer.BosTokenId is { } bos ? tokenizer.TokenText(bos) : "")
        : throw new GramException($"the checkpoint has no chat template: set template to one of {string.Join(", ", Known.Keys)}");

    /// <summary>A template by its name in a configuration; null or "auto" is the checkpoint's own.</summary>
    /// <exception cref="GramException">The name is unknown, or the checkpoint's own template is.</exception>
    public static ChatTemplate Resolve(string? name, Tokenizer tokenizer) => name is null or "auto" ? ForCheckpoint(tokenizer) : ByName(name);

    /// <summary>Renders a conversation into pieces. enableThinking: null = the template's default.</summary>
    public abstract IReadOnlyList<TemplatePiece> Pieces(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, bool? enableThinking = null);

    /// <summary>Renders to text.</summary>
    public string Render(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, bool? enableThinking = null) =>
        string.Concat(Pieces(messages, addGenerationPrompt, enableThinking).Select(piece => piece.Text));

    /// <summary>Ids of a rendered conversation; content never becomes a control token; no second BOS.</summary>
    /// <exception cref="GramException">The vocabulary lacks a control token of the template.</exception>
    public virtual int[] Encode(Tokenizer tokenizer, IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, bool? enableThinking = null)
    {
        var ids = new List<int>();
        var text = new StringBuilder(); // what stands between two control tokens is tokenised as one
        foreach (var piece in Pieces(messages, addGenerationPrompt, enableThinking))
        {
            if (piece.IsContent)
            {
                text.Append(piece.Text);
                continue;
            }
            CheckControlTokens(tokenizer, piece.Text);
            foreach (var part in tokenizer.SplitAtControlTokens(piece.Text))
            {
                if (part.Token is not { } token)
                {
                    text.Append(part.Text);
                    continue;
                }
                ids.AddRange(tokenizer.Encode(text.ToString()));
                text.Clear();
                ids.Add(token.Id);
            }
        }
        ids.AddRange(tokenizer.Encode(text.ToString()));
        return [.. ids];
    }

    /// <summary>Refuses roles that no template here has.</summary>
    private protected static void CheckRoles(IReadOnlyList<ChatMessage> messages)
    {
        if (messages.Count == 0) throw new GramException("a conversation needs at least one message");
        if (messages.FirstOrDefault(message => message.Role is not ("system" or "user" or "assistant")) is { } other)
            throw new GramException($"message role {other.Role} is not known: use system, user or assistant");
    }

    private void CheckControlTokens(Tokenizer tokenizer, string templateText)
    {
        foreach (Match match in ControlToken().Matches(templateText))
        {
            if (!tokenizer.ControlTokens.ContainsKey(match.Value))
                throw new GramException($"chat template {Name} needs the control token {match.Value}, which the tokenizer lacks: name another template");
        }
    }

    [GeneratedRegex(@"<\|\w+\|>")]
    private static partial Regex ControlToken();
}
