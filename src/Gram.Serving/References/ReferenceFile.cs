using Gram.Models;
using Gram.Reward.Data;

namespace Gram.Serving.References;

/// <summary>Reference answers from a file of prompts with a <c>reference</c> each, or conversations that end with the assistant's turn.</summary>
public sealed class ReferenceFile : IReferenceAnswers
{
    private readonly Dictionary<string, string> answers = new(StringComparer.Ordinal);

    /// <summary>Reads the file. Of several answers to one prompt the first counts.</summary>
    /// <exception cref="GramException">A row has no prompt or no reference; the message names file and row.</exception>
    public ReferenceFile(string path)
    {
        foreach (var row in JsonRows.Read(path))
        {
            var prompt = PromptFile.PromptOf(row);
            answers.TryAdd(KeyOf(prompt), prompt.Reference ?? throw row.Error("reference", "is missing: a file of references has one for each prompt"));
        }
    }

    /// <summary>Prompts that have an answer.</summary>
    public int Count => answers.Count;

    /// <inheritdoc/>
    public ValueTask<string?> FindAsync(Prompt prompt, CancellationToken cancellationToken) => ValueTask.FromResult(answers.GetValueOrDefault(KeyOf(prompt)));

    /// <summary>White space around it apart: templates trim it.</summary>
    private static string KeyOf(Prompt prompt) => prompt.Question.Trim();
}
