using System.Text.Json.Nodes;
using BenchmarkDotNet.Attributes;
using Gram.Models.Checkpoints;
using Gram.Models.Tokenization;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Benchmarks;

/// <summary>Every weight of a 2-layer model of SmolLM2's widths (71 MB of bfloat16) loaded from a file that is in the system's cache.</summary>
public class SafetensorsBenchmarks
{
    private readonly string folder = Directory.CreateTempSubdirectory("gram-benchmarks-").FullName;

    [Params(ScalarType.BFloat16, ScalarType.Float32)]
    public ScalarType DType { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        using var model = Models.Transformer.CausalLM.Create(Smol.Config(2), new(1), ScalarType.BFloat16);
        model.Save(folder);
    }

    [Benchmark]
    public void Load()
    {
        using var scope = NewDisposeScope();
        using var store = TensorStore.OpenDirectory(folder);
        foreach (var name in store.Names) store.Load(name, DType);
    }

    [GlobalCleanup]
    public void Cleanup() => Directory.Delete(folder, recursive: true);
}

/// <summary>A page of English prose to ids. GRAM_BENCHMARK_TOKENIZER names a folder with a tokenizer.json; without it, bytes and no merges.</summary>
public class TokenizerBenchmarks
{
    private const string Sentence = "The old sailor mended the broken gate before dawn, and then he walked home in the rain. ";

    private readonly string folder = Directory.CreateTempSubdirectory("gram-benchmarks-").FullName;
    private readonly string text = string.Concat(Enumerable.Repeat(Sentence, 40));
    private Tokenizer tokenizer = null!;
    private int[] ids = [];

    [GlobalSetup]
    public void Setup()
    {
        if (Environment.GetEnvironmentVariable("GRAM_BENCHMARK_TOKENIZER") is not { Length: > 0 } directory)
        {
            directory = folder;
            File.WriteAllText(Path.Combine(folder, Tokenizer.FileName), Bytes().ToJsonString());
        }
        tokenizer = Tokenizer.Load(directory);
        ids = tokenizer.Encode(text);
    }

    [Benchmark]
    public int[] Encode() => tokenizer.Encode(text);

    [Benchmark]
    public string Decode() => tokenizer.Decode(ids);

    [GlobalCleanup]
    public void Cleanup() => Directory.Delete(folder, recursive: true);

    /// <summary>A byte-level tokenizer.json whose tokens are printable ASCII and the space.</summary>
    private static JsonObject Bytes()
    {
        var vocabulary = new JsonObject { ["Ġ"] = 0 };
        for (var c = '!'; c <= '~'; c++) vocabulary[c.ToString()] = c - '!' + 1;
        return new JsonObject
        {
            ["added_tokens"] = new JsonArray(),
            ["pre_tokenizer"] = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false },
            ["decoder"] = new JsonObject { ["type"] = "ByteLevel" },
            ["model"] = new JsonObject { ["type"] = "BPE", ["vocab"] = vocabulary, ["merges"] = new JsonArray() },
        };
    }
}
