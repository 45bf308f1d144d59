using System.Text.Json;
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace Gram.Models.Checkpoints;

/// <summary>The tensors of a Hugging Face directory: model.safetensors, or the shards of model.safetensors.index.json.</summary>
public sealed class TensorStore : IDisposable
{
    internal const string SingleFile = "model.safetensors", IndexFile = SingleFile + ".index.json";

    private readonly string location;
    private readonly List<SafetensorsFile> files = [];
    private readonly Dictionary<string, (SafetensorsFile File, TensorEntry Entry)> tensors = [];

    private TensorStore(string location) => this.location = location;

    /// <summary>Opens a directory (model.safetensors or its index).</summary>
    /// <exception cref="GramException">A file is missing or broken; the message names it and, where it is one's fault, the tensor.</exception>
    public static TensorStore OpenDirectory(string directory)
    {
        var single = Path.Combine(directory, SingleFile);
        var index = Path.Combine(directory, IndexFile);
        if (File.Exists(single)) return OpenFile(single);
        if (File.Exists(index)) return Open(directory, store => store.AddShards(directory, JsonFile.Read(index)));
        if (!Directory.Exists(directory)) throw new GramException($"{directory} does not exist: name the directory of a Hugging Face checkpoint");
        throw new GramException($"{single} does not exist, nor does {IndexFile}: only safetensors checkpoints can be loaded");
    }

    /// <summary>Opens one .safetensors file.</summary>
    /// <exception cref="GramException">The file is missing or broken; the message names it.</exception>
    public static TensorStore OpenFile(string path) => Open(path, store =>
    {
        var file = store.AddFile(path);
        foreach (var (name, entry) in file.Entries) store.tensors.Add(name, (file, entry));
    });

    /// <summary>Names of all tensors.</summary>
    public IReadOnlyCollection<string> Names => tensors.Keys;

    /// <summary>Shape of a tensor.</summary>
    public long[] Shape(string name) => [.. Find(name).Entry.Shape];

    /// <summary>Stored dtype of a tensor.</summary>
    public ScalarType DType(string name) => SafetensorsDType.Parse(Find(name).Entry.DType)
        ?? throw new GramException($"{FileOf(name)}: tensor {name} has dtype {Find(name).Entry.DType}, which cannot be loaded");

    /// <summary>File that holds a tensor.</summary>
    public string FileOf(string name) => Find(name).Entry.Path;

    /// <summary>
    /// A tensor in its stored dtype (or the one given). In the stored dtype on the CPU it is the file's own pages, mapped copy
    /// on write: nothing is read before it is used, and what is written to the tensor never reaches the file. The pages outlive
    /// the store, and a file renamed over this one. Changing the file in place changes the tensor too, shortening it kills the
    /// process: replace files by renaming, as this project does.
    /// </summary>
    /// <exception cref="GramException">The file became shorter, or the dtype cannot be loaded.</exception>
    public Tensor Load(string name, ScalarType? dtype = null, Device? device = null)
    {
        var (file, entry) = Find(name);
        var stored = file.Load(entry, DType(name));
        var target = dtype ?? stored.dtype;
        if (target == stored.dtype && (device is null || device.type == TorchSharp.DeviceType.CPU)) return stored;
        using (stored) return stored.to(target, device ?? CPU);
    }

    /// <inheritdoc/>
    public void Dispose() => files.ForEach(file => file.Dispose());

    private static TensorStore Open(string location, Action<TensorStore> add)
    {
        var store = new TensorStore(location);
        try
        {
            add(store);
            return store;
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    private SafetensorsFile AddFile(string path)
    {
        files.Add(SafetensorsFile.Open(path));
        return files[^1];
    }

    private void AddShards(string directory, JsonFile index)
    {
        var map = index.Object("weight_map") ?? throw new GramException($"{index.Path}: weight_map is missing");
        foreach (var shard in map.Root.GroupBy(pair => ShardName(index, pair.Key, pair.Value)))
        {
            var path = Path.Combine(directory, shard.Key);
            var first = shard.First().Key;
            if (!File.Exists(path)) throw new GramException($"{path} does not exist, but {Path.GetFileName(index.Path)} names it for tensor {first}: fetch the missing shard");
            var file = AddFile(path);
            foreach (var (name, _) in shard)
                tensors.Add(name, file.Entries.TryGetValue(name, out var entry) ? (file, entry) : throw new GramException($"{path} lacks tensor {name}, which {Path.GetFileName(index.Path)} says it holds"));
        }
    }

    private static string ShardName(JsonFile index, string tensor, JsonNode? value)
    {
        var name = value?.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : "";
        return name.Length > 0 && name == Path.GetFileName(name) ? name : throw index.Wrong(tensor, value, "the name of a file beside it");
    }

    private (SafetensorsFile File, TensorEntry Entry) Find(string name) =>
        tensors.TryGetValue(name, out var found) ? found : throw new GramException($"{location} holds no tensor {name}");
}
