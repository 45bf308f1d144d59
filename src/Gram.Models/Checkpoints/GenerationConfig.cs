using System.Text.Json.Nodes;

namespace Gram.Models.Checkpoints;

/// <summary>What a checkpoint's generation_config.json says of its control tokens.</summary>
public sealed record GenerationConfig
{
    /// <summary>Padding id; null where the file names none.</summary>
    public int? PadTokenId { get; init; }
    /// <summary>All end tokens; empty where the file names none.</summary>
    public IReadOnlyList<int> EosTokenIds { get; init; } = [];
    /// <summary>The file whole.</summary>
    public required JsonObject Raw { get; init; }

    /// <summary>Reads generation_config.json of a Hugging Face directory; null where there is none.</summary>
    /// <exception cref="GramException">The file is wrong; the message names it.</exception>
    public static GenerationConfig? Read(string directory)
    {
        if (JsonFile.ReadIfPresent(Path.Combine(directory, "generation_config.json")) is not { } file) return null;
        return new() { PadTokenId = file.Integer("pad_token_id"), EosTokenIds = file.Integers("eos_token_id") ?? [], Raw = file.Root };
    }
}
