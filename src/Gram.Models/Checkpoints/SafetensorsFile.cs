using System.IO.MemoryMappedFiles;
using Gram.Models.Native;
using static TorchSharp.torch;

namespace Gram.Models.Checkpoints;

/// <summary>An open .safetensors file: its header, and its data as mapped tensors.</summary>
internal sealed class SafetensorsFile : IDisposable
{
    private readonly FileStream stream;
    private readonly MemoryMappedFile pages;

    private SafetensorsFile(FileStream stream)
    {
        this.stream = stream;
        Entries = SafetensorsHeader.Read(stream);
        pages = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.CopyOnWrite, HandleInheritability.None, leaveOpen: true);
    }

    /// <summary>Where each tensor lies.</summary>
    public IReadOnlyDictionary<string, TensorEntry> Entries { get; }

    /// <summary>Opens a file and checks its header.</summary>
    /// <exception cref="GramException">It is missing, cannot be read, or is broken.</exception>
    public static SafetensorsFile Open(string path)
    {
        FileStream? stream = null;
        try
        {
            stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 0);
            return new SafetensorsFile(stream);
        }
        catch (Exception error)
        {
            stream?.Dispose();
            throw error switch
            {
                FileNotFoundException or DirectoryNotFoundException => new GramException($"{path} does not exist", error),
                IOException or UnauthorizedAccessException => new GramException($"{path} cannot be read: {error.Message}", error),
                _ => error,
            };
        }
    }

    /// <summary>A tensor over the file's own pages; a copy where its elements do not lie at multiples of their size.</summary>
    /// <exception cref="GramException">The file became shorter, or cannot be mapped.</exception>
    public Tensor Load(TensorEntry entry, ScalarType dtype)
    {
        if (entry.Length == 0) return empty(entry.Shape, dtype);
        // Beyond a file's end there is nothing to map: touching such pages kills the process.
        if (stream.Length < entry.Start + entry.Length) throw new GramException($"{entry.Path} became shorter while it was read");
        try
        {
            var mapped = MappedTensor.Open(pages, entry.Start, entry.Length, entry.Shape, dtype);
            if (entry.Start % SafetensorsDType.SizeOf(entry.DType)!.Value == 0) return mapped;
            using (mapped) return mapped.clone(); // kernels may count on aligned elements
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new GramException($"{entry.Path} cannot be mapped: {error.Message}", error);
        }
    }

    /// <summary>Closes the file; tensors over its pages stay.</summary>
    public void Dispose()
    {
        pages.Dispose();
        stream.Dispose();
    }
}
