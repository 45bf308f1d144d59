using System.Text.Json;
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace Gram.Models.Checkpoints;

/// <summary>The tensors of a Hugging Face directory: model.safetensors, or the shards of model.safetensors.index.json.</summary>
public sealed class TensorStore : IDisposable
{
    private const string SingleFile = "model.safetensors";

    private readonly string location;
    private readonly List<FileStream> files = [];
    private readonly Dictionary<string, TensorEntry> entries = [];

    private TensorStore(string location) => this.location = location;

    /// <summary>Opens a directory (model.safetensors or its index).</summary>
    /// <exception cref="GramException">A file is missing or broken; the message names it and, where it is one's fault, the tensor.</exception>
    public static TensorStore OpenDirectory(string directory)
    {
        var single = Path.Combine(directory, SingleFile);
        var index = single + ".index.json";
        if (File.Exists(single)) return OpenFile(single);
        if (File.Exists(index)) return Open(directory, store => store.AddShards(directory, JsonFile.Read(index)));
        if (!Directory.Exists(directory)) throw new GramException($"{directory} does not exist: name the directory of a Hugging Face checkpoint");
        throw new GramException($"{single} does not exist, nor does {Path.GetFileName(index)}: only safetensors checkpoints can be loaded");
    }

    /// <summary>Opens one .safetensors file.</summary>
    /// <exception cref="GramException">The file is missing or broken; the message names it.</exception>
    public static TensorStore OpenFile(string path) => Open(path, store =>
    {
        foreach (var (name, entry) in store.AddFile(path)) store.entries.Add(name, entry);
    });

    /// <summary>Names of all tensors.</summary>
    public IReadOnlyCollection<string> Names => entries.Keys;

    /// <summary>Shape of a tensor.</summary>
    public long[] Shape(string name) => [.. Entry(name).Shape];

    /// <summary>Stored dtype of a tensor.</summary>
    public ScalarType DType(string name) => Entry(name) is { } entry && SafetensorsDType.Parse(entry.DType) is { } dtype
        ? dtype
        : throw new GramException($"{FileOf(name)}: tensor {name} has dtype {entries[name].DType}, which cannot be loaded");

    /// <summary>File that holds a tensor.</summary>
    public string FileOf(string name) => Entry(name).Path;

    /// <summary>Reads a tensor into memory of its own, in its stored dtype (or the one given).</summary>
    public Tensor Load(string name, ScalarType? dtype = null, Device? device = null)
    {
        var entry = Entry(name);
        var stored = empty(entry.Shape, DType(name));
        ReadInto(stored, entry);
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

    private Dictionary<string, TensorEntry> AddFile(string path)
    {
        try
        {
            files.Add(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 0));
            return SafetensorsHeader.Read(files[^1]);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new GramException($"{path} does not exist", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new GramException($"{path} cannot be read: {error.Message}", error);
        }
    }

    private void AddShards(string directory, JsonFile index)
    {
        var map = index.Object("weight_map") ?? throw new GramException($"{index.Path}: weight_map is missing");
        foreach (var shard in map.Root.GroupBy(pair => ShardName(index, pair.Key, pair.Value)))
        {
            var path = Path.Combine(directory, shard.Key);
            var first = shard.First().Key;
            if (!File.Exists(path)) throw new GramException($"{path} does not exist, but {Path.GetFileName(index.Path)} names it for tensor {first}: fetch the missing shard");
            var held = AddFile(path);
            foreach (var (name, _) in shard)
                entries.Add(name, held.GetValueOrDefault(name) ?? throw new GramException($"{path} lacks tensor {name}, which {Path.GetFileName(index.Path)} says it holds"));
        }
    }

    private static string ShardName(JsonFile index, string tensor, JsonNode? value)
    {
        var name = value?.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : "";
        return name.Length > 0 && name == Path.GetFileName(name) ? name : throw index.Wrong(tensor, value, "the name of a file beside it");
    }

    private TensorEntry Entry(string name) =>
        entries.GetValueOrDefault(name) ?? throw new GramException($"{location} holds no tensor {name}");

    private void ReadInto(Tensor tensor, TensorEntry entry)
    {
        // Spans end at 2 GiB: larger tensors are read in slices of their flat view.
        const long slice = 1 << 30;
        var file = files.First(candidate => candidate.Name == entry.Path);
        using var scope = NewDisposeScope();
        var elementSize = tensor.element_size();
        var flat = tensor.reshape(-1);
        for (long read = 0; read < entry.Length;)
        {
            var length = Math.Min(slice, entry.Length - read);
            var bytes = flat.narrow(0, read / elementSize, length / elementSize).bytes;
            for (var filled = 0; filled < bytes.Length;)
            {
                var count = RandomAccess.Read(file.SafeFileHandle, bytes[filled..], entry.Start + read + filled);
                if (count == 0) throw new GramException($"{entry.Path} became shorter while it was read");
                filled += count;
            }
            read += length;
        }
    }
}
