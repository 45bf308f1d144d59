using System.Text.RegularExpressions;
using Gram.Models;
using Gram.Models.Tokenization;

namespace Gram.Reward.Encoding;

/// <summary>
/// How training writes a conversation: LLaMA-Factory's texts of that name, or what a checkpoint's own chat template writes.
/// Each slot is tokenised apart; "{{content}}" is filled in; <see cref="Bos"/> and <see cref="Eos"/> are the tokenizer's.
/// </summary>
public sealed partial record TrainingTemplate
{
    /// <summary>A slot that is the tokenizer's begin token, left out where it has none.</summary>
    public const string Bos = "{bos_token}";
    /// <summary>A slot that is the tokenizer's end token.</summary>
    public const string Eos = "{eos_token}";
    /// <summary>A slot that is whatever the tokenizer itself puts before a text.</summary>
    public const string TokenizerPrefix = "{prefix}";
    /// <summary>Where a slot takes the turn's text.</summary>
    public const string Content = "{{content}}";

    /// <summary>Its name.</summary>
    public required string Name { get; init; }
    /// <summary>Slots before everything.</summary>
    public IReadOnlyList<string> Prefix { get; init; } = [];
    /// <summary>Slots of a system message.</summary>
    public IReadOnlyList<string> System { get; init; } = [Content];
    /// <summary>Slots in place of the system message where there is none, not even a default.</summary>
    public IReadOnlyList<string> NoSystem { get; init; } = [];
    /// <summary>Slots of a user turn, up to where the assistant begins.</summary>
    public IReadOnlyList<string> User { get; init; } = [Content];
    /// <summary>Slots of an assistant turn, its end included: they are trained.</summary>
    public IReadOnlyList<string> Assistant { get; init; } = [Content, Eos];
    /// <summary>System message of conversations without one; empty = none.</summary>
    public string DefaultSystem { get; init; } = "";
    /// <summary>Whether assistants may think, between &lt;think&gt; and &lt;/think&gt;.</summary>
    public bool IsReasoning { get; init; }
    /// <summary>Whether the system message stands inside the first user turn (Llama 2).</summary>
    public bool SystemIsInUserTurn { get; init; }
    /// <summary>Whether white space around each turn's text is cut off, as some checkpoints' own templates do.</summary>
    public bool Trims { get; init; }

    private static readonly IReadOnlyList<string> ChatMlUser = ["<|im_start|>user\n{{content}}<|im_end|>\n<|im_start|>assistant\n"];
    private static readonly IReadOnlyList<string> ChatMlAssistant = ["{{content}}<|im_end|>\n"];
    private static readonly IReadOnlyList<string> ChatMlSystem = ["<|im_start|>system\n{{content}}<|im_end|>\n"];

    private static readonly TrainingTemplate ChatMl = new() { Name = "chatml", System = ChatMlSystem, User = ChatMlUser, Assistant = ChatMlAssistant };

    private static readonly Dictionary<string, TrainingTemplate> Known = new[]
    {
        ChatMl,
        ChatMl with { Name = "qwen3", IsReasoning = true },
        ChatMl with { Name = "qwen", DefaultSystem = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant." },
        ChatMl with { Name = "smollm" },
        ChatMl with { Name = "smollm2", DefaultSystem = "You are a helpful AI assistant named SmolLM, trained by Hugging Face." },
        new()
        {
            Name = "llama3",
            Prefix = [Bos],
            System = ["<|start_header_id|>system<|end_header_id|>\n\n{{content}}<|eot_id|>"],
            User = ["<|start_header_id|>user<|end_header_id|>\n\n{{content}}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"],
            Assistant = ["{{content}}<|eot_id|>"],
        },
        new() { Name = "llama2", User = [Bos, "[INST] {{content}} [/INST]"], System = ["<<SYS>>\n{{content}}\n<</SYS>>\n\n"], SystemIsInUserTurn = true },
        new()
        {
            Name = "alpaca",
            User = ["### Instruction:\n{{content}}\n\n### Response:\n"],
            Assistant = [Content, Eos, "\n\n"],
            DefaultSystem = "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n",
        },
        new() { Name = "default", User = ["Human: {{content}}", Eos, "\nAssistant:"], System = ["System: {{content}}", Eos, "\n"], Assistant = [Content, Eos, "\n"] },
        new() { Name = "empty", Assistant = [Content] },
        new() { Name = Judging.GramConfig.NoTemplate, Prefix = [TokenizerPrefix] },
    }.ToDictionary(template => template.Name);

    /// <summary>LLaMA-Factory's texts by name; "none" = texts as they are, the end token after an answer.</summary>
    /// <exception cref="GramException">The name is unknown; the message lists the known ones.</exception>
    public static TrainingTemplate ByName(string name) =>
        Known.GetValueOrDefault(name) ?? throw new GramException($"template {name} is unknown; known are auto (the checkpoint's own), {string.Join(", ", Known.Keys.Order())}");

    /// <summary>The template that a run names: null or "auto" = the checkpoint's own.</summary>
    /// <exception cref="GramException">It is unknown, or the vocabulary lacks one of its control tokens.</exception>
    public static TrainingTemplate For(string? name, Tokenizer tokenizer)
    {
        if (name is not (null or "" or "auto")) return ByName(name).Checked(tokenizer);
        return Of(ChatTemplate.ForCheckpoint(tokenizer)).Checked(tokenizer);
    }

    /// <summary>The slots of a chat template, found by rendering it (as LLaMA-Factory does where no template is named).</summary>
    public static TrainingTemplate Of(ChatTemplate template)
    {
        const string user = "⟪user⟫", assistant = "⟪assistant⟫", system = "⟪system⟫";
        ChatMessage ask = new("user", Content), first = new("user", user), answer = new("assistant", assistant);
        // Between an answer and the next question stand the answer's end and the question's header.
        var answerEnd = After(template.Render([first, answer], false), assistant);
        var twoTurns = template.Render([first, answer, ask], true);
        var userStart = After(Before(twoTurns, Content), assistant)[answerEnd.Length..];
        var userEnd = After(twoTurns, Content);
        var prefix = Before(template.Render([ask], true), Content)[..^userStart.Length];
        var withSystem = Before(template.Render([new("system", system), ask], true), Content)[..^userStart.Length];
        var systemPrefix = Before(withSystem, system);
        return new()
        {
            Name = template.Name,
            System = [systemPrefix + Content + After(withSystem, system)],
            // What is written without a system message (a begin token, a default system, a date) comes in place of the system slot.
            NoSystem = [prefix],
            User = [userStart + Content + userEnd],
            Assistant = [Content + answerEnd],
            IsReasoning = template.Render([first, answer], false).Contains("<think>", StringComparison.Ordinal),
            Trims = !template.Render([new("user", " x ")], true).Contains(" x ", StringComparison.Ordinal),
        };

        static string Before(string text, string mark) => text[..text.IndexOf(mark, StringComparison.Ordinal)];
        static string After(string text, string mark) => text[(text.IndexOf(mark, StringComparison.Ordinal) + mark.Length)..];
    }

    /// <summary>This template, if the vocabulary has all of its control tokens.</summary>
    /// <exception cref="GramException">One is missing; ids are never added beyond the embedding.</exception>
    private TrainingTemplate Checked(Tokenizer tokenizer)
    {
        foreach (var slot in ((IEnumerable<string>)[.. NoSystem, .. Prefix, .. System, .. User, .. Assistant]))
        {
            foreach (Match token in ControlToken().Matches(slot))
                if (tokenizer.TokenId(token.Value) is null) throw new GramException($"template {Name} needs the control token {token.Value}, which the model's vocabulary lacks: choose another template");
            if (slot == Eos && tokenizer.EosTokenId is null) throw new GramException($"template {Name} needs an end token, and tokenizer_config.json names none (eos_token)");
        }
        return this;
    }

    [GeneratedRegex(@"<\|\w+\|>")]
    private static partial Regex ControlToken();
}
