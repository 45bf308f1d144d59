namespace Gram.Models.Checkpoints;

/// <summary>What a checkpoint's generation_config.json asks for; null where it says nothing.</summary>
public sealed record GenerationConfig
{
    /// <summary>Whether the checkpoint's authors sample (else greedy).</summary>
    public bool? DoSample { get; init; }
    /// <summary>Divides the logits.</summary>
    public double? Temperature { get; init; }
    /// <summary>Keeps the k likeliest tokens.</summary>
    public int? TopK { get; init; }
    /// <summary>Keeps the smallest set of likeliest tokens whose probability reaches p.</summary>
    public double? TopP { get; init; }
    /// <summary>Padding id.</summary>
    public int? PadTokenId { get; init; }
    /// <summary>All end tokens; empty where the file names none.</summary>
    public IReadOnlyList<int> EosTokenIds { get; init; } = [];

    /// <summary>Reads generation_config.json of a Hugging Face directory; null where there is none.</summary>
    /// <exception cref="GramException">The file is wrong; the message names it.</exception>
    public static GenerationConfig? Read(string directory)
    {
        if (JsonFile.ReadIfPresent(Path.Combine(directory, "generation_config.json")) is not { } file) return null;
        return new()
        {
            DoSample = file.Flag("do_sample"),
            Temperature = file.Number("temperature"),
            TopK = file.Integer("top_k"),
            TopP = file.Number("top_p"),
            PadTokenId = file.Integer("pad_token_id"),
            EosTokenIds = file.Integers("eos_token_id") ?? [],
        };
    }
}
