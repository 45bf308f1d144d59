using System.Text.Json.Nodes;
using Gram.Models.Checkpoints;
using Gram.Models.Transformer;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Tests.Transformer;

/// <summary>A model case of the goldens: its directory, golden.json and the arrays beside it.</summary>
internal sealed class GoldenModel : IDisposable
{
    private readonly TensorStore arrays;
    private readonly DisposeScope scope = NewDisposeScope();

    public GoldenModel(string name)
    {
        Directory = Goldens.PathOf("models", name);
        Json = JsonNode.Parse(File.ReadAllText(Path.Combine(Directory, "golden.json")))!;
        arrays = TensorStore.OpenFile(Path.Combine(Directory, "golden.safetensors"));
    }

    public string Directory { get; }
    public JsonNode Json { get; }

    /// <summary>Rows for theories: every case.</summary>
    public static IEnumerable<object[]> All => Goldens.Folders("models", "golden.json");

    /// <summary>Prompts, each [1, t].</summary>
    public IEnumerable<(int Index, Tensor Tokens)> Prompts => Json["prompts"]!.AsArray().Select((ids, index) => (index, Tokens(new JsonArray(ids!.DeepClone()))));

    public CausalLM Load(ScalarType dtype = ScalarType.Float32) => CausalLM.Load(Directory, dtype);

    public Tensor Array(string name) => arrays.Load(name);

    /// <summary>A list of equally long lists of ids.</summary>
    public static Tensor Tokens(JsonNode rows)
    {
        var ids = rows.AsArray().Select(row => row!.AsArray().Select(id => id!.GetValue<long>()).ToArray()).ToArray();
        return tensor(ids.SelectMany(row => row).ToArray()).reshape(ids.Length, ids[0].Length);
    }

    public static double MaxDifference(Tensor actual, Tensor expected)
    {
        actual.shape.Should().Equal(expected.shape);
        return (actual.to(ScalarType.Float64) - expected.to(ScalarType.Float64)).abs().max().item<double>();
    }

    public void Dispose()
    {
        arrays.Dispose();
        scope.Dispose();
    }
}
