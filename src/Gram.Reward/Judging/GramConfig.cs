using System.Text.Encodings.Web;
using System.Text.Json;
using Gram.Models;
using Gram.Models.Checkpoints;

namespace Gram.Reward.Judging;

/// <summary>gram_config.json: the prompt, labels and template that a judge was trained with; saved with it and read back.</summary>
public sealed record GramConfig
{
    /// <summary>Name of the file beside the checkpoint's config.json.</summary>
    public const string FileName = "gram_config.json";

    /// <summary><see cref="Template"/>'s value for a prompt that is tokenised as it is.</summary>
    public const string NoTemplate = "none";

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = true,
        RespectNullableAnnotations = true,
    };

    /// <summary>The judge prompt with the slots {question}, {answer_a}, {answer_b}.</summary>
    public required string Prompt { get; init; }
    /// <summary>The label texts, one token each; default "A", "B".</summary>
    public IReadOnlyList<string> Labels { get; init; } = ["A", "B"];
    /// <summary>Chat template's name; "none" = the prompt as it is; null = the checkpoint's own.</summary>
    public string? Template { get; init; }
    /// <summary>Passed to the template; null = its default.</summary>
    public bool? EnableThinking { get; init; } = false;
    /// <summary>How a conversation becomes {question}; the published form is "User: …", "Assistant: …".</summary>
    public string TurnFormat { get; init; } = "{role}: {content}";

    /// <summary>GRAM's own prompt and labels: what a checkpoint without the file gets. It ends in one space (the evaluation script's form).</summary>
    public static GramConfig Published { get; } = new()
    {
        Prompt = """
            Please act as an impartial judge and evaluate the quality of the responses provided by two AI assistants to the user question displayed below. You should choose the assistant that follows the user's instructions and answers the user's question better.
            Your evaluation should consider factors such as the helpfulness, relevance, accuracy, depth, creativity, and level of detail of their responses. Avoid any position biases and ensure that the order in which the responses were presented does not influence your decision. Do not allow the length of the responses to influence your evaluation. Do not favor certain names of the assistants. Be as objective as possible.
            Please directly output your final verdict by strictly following this format: "A" if assistant A is better, "B" if assistant B is better.

            [User Question]
            {question}

            [The Start of Assistant A's Answer]
            {answer_a}
            [The End of Assistant A's Answer]

            [The Start of Assistant B's Answer]
            {answer_b}
            [The End of Assistant B's Answer]

            #Preferred:
            """ + " ",
    };

    /// <summary>Reads gram_config.json of a directory; <see cref="Published"/> where there is none.</summary>
    /// <exception cref="GramException">The file is broken or its prompt lacks a slot; the message names it.</exception>
    public static GramConfig Read(string directory)
    {
        var path = Path.Combine(directory, FileName);
        if (!File.Exists(path)) return Published;
        try
        {
            var config = JsonSerializer.Deserialize<GramConfig>(File.ReadAllText(path), Json) ?? throw new GramException($"{path} is null");
            _ = new JudgePrompt(config);
            return config;
        }
        catch (JsonException error)
        {
            throw new GramException($"{path}: {error.Message.ReplaceLineEndings(" ")}", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new GramException($"{path} cannot be read: {error.Message}", error);
        }
        catch (GramException error)
        {
            throw new GramException($"{path}: {error.Message}", error);
        }
    }

    /// <summary>Writes gram_config.json.</summary>
    public void Write(string directory) => AtomicFile.WriteText(Path.Combine(directory, FileName), JsonSerializer.Serialize(this, Json) + "\n");
}
