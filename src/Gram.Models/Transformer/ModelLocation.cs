using Gram.Models.Transformer.Lora;

namespace Gram.Models.Transformer;

/// <summary>Where a model lies: a Hugging Face directory and, where one goes over it, a PEFT adapter's.</summary>
/// <param name="Directory">The whole model's directory.</param>
/// <param name="Adapter">The adapter's directory, or null.</param>
public sealed record ModelLocation(string Directory, string? Adapter = null)
{
    /// <summary>A model's directory with an adapter over it; without one, an adapter's own directory stands for the base that it names.</summary>
    /// <exception cref="GramException">An adapter is to go over an adapter, or names no directory as its base.</exception>
    public static ModelLocation Of(string directory, string? adapter = null)
    {
        if (!LoraConfig.IsAdapter(directory)) return new(directory, adapter);
        return adapter is null
            ? new(LoraConfig.BaseOf(directory), directory)
            : throw new GramException($"{directory} is an adapter itself: an adapter goes over a whole model; merge that one into its base first (gram export)");
    }

    /// <summary>The directory to read a file from: the adapter's where that has one of its own (tokenizer, judge's prompt), for it is what the adapter was trained with.</summary>
    public string FolderOf(string file) => Adapter is not null && File.Exists(Path.Combine(Adapter, file)) ? Adapter : Directory;
}
