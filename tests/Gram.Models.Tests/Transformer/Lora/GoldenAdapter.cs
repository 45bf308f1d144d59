using System.Text.Json.Nodes;
using Gram.Models.Checkpoints;
using Gram.Models.Transformer;
using Gram.Models.Transformer.Lora;
using static TorchSharp.torch;

namespace Gram.Models.Tests.Transformer.Lora;

/// <summary>An adapter case of the goldens: its base, its directory, golden.json and the arrays beside it.</summary>
internal sealed class GoldenAdapter : IDisposable
{
    private readonly TensorStore arrays;

    public GoldenAdapter(string name)
    {
        var parts = name.Split('/');
        Directory = Goldens.PathOf(["models", .. parts]);
        Base = new(parts[0]);
        Json = JsonNode.Parse(File.ReadAllText(Path.Combine(Directory, "golden.json")))!;
        arrays = TensorStore.OpenFile(Path.Combine(Directory, "golden.safetensors"));
    }

    /// <summary>Rows for theories: base/adapters/name of every case; one empty name where the goldens are absent.</summary>
    public static IEnumerable<object[]> All
    {
        get
        {
            var cases = GoldenModel.All
                .SelectMany(model => Goldens.Folders($"models/{model[0]}/adapters", "golden.json").Select(adapter => $"{model[0]}/adapters/{adapter[0]}"))
                .Where(name => !name.EndsWith('/'))
                .ToList();
            return cases.Count > 0 ? cases.Select(name => new object[] { name }) : [[""]];
        }
    }

    public GoldenModel Base { get; }
    public string Directory { get; }
    public JsonNode Json { get; }

    /// <summary>The base with the adapter, which owns both.</summary>
    public CausalLM Load() => CausalLM.Load(Base.Directory, Directory);

    public Tensor Array(string name) => arrays.Load(name);

    public void Dispose()
    {
        arrays.Dispose();
        Base.Dispose();
    }
}
