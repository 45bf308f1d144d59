using static TorchSharp.torch;

namespace Gram.Models.Checkpoints;

/// <summary>The tensors of a Hugging Face directory: model.safetensors, or the shards of model.safetensors.index.json.</summary>
public sealed class TensorStore : IDisposable
{
    /// <summary>Opens a directory (model.safetensors or its index).</summary>
    public static TensorStore OpenDirectory(string directory) => throw new NotImplementedException();
    /// <summary>Opens one .safetensors file.</summary>
    public static TensorStore OpenFile(string path) => throw new NotImplementedException();
    /// <summary>Names of all tensors.</summary>
    public IReadOnlyCollection<string> Names => throw new NotImplementedException();
    /// <summary>Shape of a tensor.</summary>
    public long[] Shape(string name) => throw new NotImplementedException();
    /// <summary>File that holds a tensor.</summary>
    public string FileOf(string name) => throw new NotImplementedException();
    /// <summary>Reads a tensor into memory of its own, in its stored dtype (or the one given).</summary>
    public Tensor Load(string name, ScalarType? dtype = null, Device? device = null) => throw new NotImplementedException();
    /// <inheritdoc/>
    public void Dispose() { }
}

/// <summary>Writes .safetensors files.</summary>
public static class SafetensorsWriter
{
    /// <summary>Writes one file atomically (temporary name, flush, rename). Metadata gets {"format":"pt"} unless given.</summary>
    public static void Write(string path, IEnumerable<KeyValuePair<string, Tensor>> tensors, IReadOnlyDictionary<string, string>? metadata = null) => throw new NotImplementedException();
}
