using Gram.Models.Checkpoints;

namespace Gram.Models.Tokenization;

/// <summary>The files of a checkpoint's tokenizer, as bytes: a model trained from it carries them unchanged.</summary>
internal sealed class TokenizerSources
{
    /// <summary>transformers' folder of chat templates other than the default one.</summary>
    private const string MoreTemplates = "additional_chat_templates";

    private static readonly string[] Names =
    [
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
        "vocab.json", "merges.txt", "tokenizer.model", "chat_template.jinja", "chat_template.json",
    ];

    private readonly Dictionary<string, byte[]> files;

    private TokenizerSources(Dictionary<string, byte[]> files) => this.files = files;

    /// <summary>Reads those that a directory has.</summary>
    public static TokenizerSources Read(string directory) =>
        new(Present(directory).ToDictionary(name => name, name => File.ReadAllBytes(Path.Combine(directory, name))));

    /// <summary>Writes them into a directory, and removes those of another tokenizer: a chat template that stayed behind would be read.</summary>
    public void Write(string directory)
    {
        foreach (var (name, bytes) in files) AtomicFile.Write(Path.Combine(directory, name), stream => stream.Write(bytes));
        foreach (var name in Present(directory).Where(name => !files.ContainsKey(name)).ToList()) File.Delete(Path.Combine(directory, name));
    }

    private static IEnumerable<string> Present(string directory)
    {
        var templates = Path.Combine(directory, MoreTemplates);
        return Names.Where(name => File.Exists(Path.Combine(directory, name)))
            .Concat(Directory.Exists(templates) ? Directory.GetFiles(templates, "*.jinja").Select(file => $"{MoreTemplates}/{Path.GetFileName(file)}") : []);
    }
}
