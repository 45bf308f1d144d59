namespace Gram.Reward.Judging;

/// <summary>gram_config.json: the prompt, labels and template that a judge was trained with; saved with it and read back.</summary>
public sealed record GramConfig
{
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
    /// <summary>GRAM's own prompt and labels: what a checkpoint without the file gets.</summary>
    public static GramConfig Published => throw new NotImplementedException();
    /// <summary>Reads gram_config.json of a directory; <see cref="Published"/> where there is none.</summary>
    public static GramConfig Read(string directory) => throw new NotImplementedException();
    /// <summary>Writes gram_config.json.</summary>
    public void Write(string directory) => throw new NotImplementedException();
}
