using System.Text.Json;

namespace Gram.Models.Checkpoints.Hub;

/// <summary>
/// The files of a repository that a load needs: weights in safetensors, configuration, tokenizer, chat template. A repository with
/// PEFT's adapter_config.json is an adapter, whatever else it holds.
/// </summary>
internal static class ModelFiles
{
    private const string Weights = "model.safetensors";
    private const string Index = Weights + ".index.json";
    private const string AdapterConfig = "adapter_config.json";
    private const string AdapterWeights = "adapter_model.safetensors";
    private static readonly string[] Needed = ["config.json", "tokenizer.json"];
    private static readonly string[] TokenizerFiles = ["merges.txt", "tokenizer.model"];

    /// <summary>The file that names the shards; null where the weights are one file.</summary>
    /// <exception cref="GramException">The repository has no safetensors.</exception>
    public static string? IndexOf(HubId id, IReadOnlyCollection<string> listed) =>
        listed.Contains(AdapterConfig) ? listed.Contains(AdapterWeights) ? null : throw new GramException($"{id} holds {AdapterConfig} but no {AdapterWeights}: only safetensors adapters can be loaded")
        : listed.Contains(Weights) ? null
        : listed.Contains(Index) ? Index
        : throw new GramException($"{id} holds neither {Weights} nor {Index}: only safetensors checkpoints can be loaded");

    /// <summary>What to download.</summary>
    /// <param name="listed">The repository's files.</param>
    /// <param name="snapshot">The folder that already holds the index, where there is one.</param>
    public static IEnumerable<string> Of(IReadOnlyCollection<string> listed, string snapshot) =>
        listed.Where(IsSmall).Concat(listed.Contains(AdapterConfig) ? [AdapterWeights] : listed.Contains(Weights) ? [Weights] : Shards(snapshot)).Distinct();

    /// <summary>The first file that a snapshot lacks to be loaded; null where it is whole.</summary>
    public static string? FirstMissing(string snapshot)
    {
        if (Has(AdapterConfig)) return Has(AdapterWeights) ? null : AdapterWeights;
        var weights = Has(Weights) || !Has(Index) ? [Weights] : Shards(snapshot);
        return Needed.Concat(weights).FirstOrDefault(file => !Has(file));

        bool Has(string file) => HubCache.Holds(Path.Combine(snapshot, file));
    }

    /// <summary>The files that the index names beside it; what else it names, loading it refuses.</summary>
    private static IEnumerable<string> Shards(string snapshot) =>
        JsonFile.Read(Path.Combine(snapshot, Index)).Object("weight_map")?.Root
            .Where(entry => entry.Value?.GetValueKind() == JsonValueKind.String)
            .Select(entry => entry.Value!.GetValue<string>())
            .Where(name => name == Path.GetFileName(name))
            .Distinct() ?? [];

    private static bool IsSmall(string file) =>
        file == Path.GetFileName(file) && (Path.GetExtension(file) is ".json" or ".jinja" || TokenizerFiles.Contains(file));
}
