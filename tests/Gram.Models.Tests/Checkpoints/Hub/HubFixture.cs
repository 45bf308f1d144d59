using System.Text;
using Gram.Models.Checkpoints.Hub;

namespace Gram.Models.Tests.Checkpoints.Hub;

/// <summary>A fake hub with one model, and an empty cache.</summary>
internal sealed class HubFixture : IDisposable
{
    public const string Id = "org/tiny";
    private readonly TemporaryDirectory folder = new();

    public HubFixture(int weightBytes = 1_000_000)
    {
        Weights = new byte[weightBytes];
        new Random(7).NextBytes(Weights);
        Files = new()
        {
            ["config.json"] = Encoding.UTF8.GetBytes("""{"model_type": "qwen3"}"""),
            ["tokenizer.json"] = Encoding.UTF8.GetBytes("""{"version": "1.0"}"""),
            ["chat_template.jinja"] = "{{ messages }}"u8.ToArray(),
            ["model.safetensors"] = Weights,
            ["README.md"] = "# tiny"u8.ToArray(),
            ["pytorch_model.bin"] = "pickle"u8.ToArray(),
            ["model.gguf"] = "gguf"u8.ToArray(),
            ["onnx/config.json"] = "{}"u8.ToArray(),
        };
        Commit = Hub.Add(Id, Files);
        Settings = new() { Endpoint = Hub.Endpoint, CacheDirectory = folder.File("hub"), FirstDelay = TimeSpan.FromMilliseconds(1) };
    }

    /// <summary>The files that a load needs.</summary>
    public static IReadOnlyList<string> Needed { get; } = ["chat_template.jinja", "config.json", "model.safetensors", "tokenizer.json"];

    public FakeHub Hub { get; } = new();

    public byte[] Weights { get; }

    public Dictionary<string, byte[]> Files { get; }

    public string Commit { get; }

    public HubSettings Settings { get; }

    public string Cache => Settings.CacheDirectory;

    public string Folder => Path.Combine(Cache, "models--org--tiny");

    public string Snapshot => Path.Combine(Folder, "snapshots", Commit);

    public string WeightsBlob => Path.Combine(Folder, "blobs", FakeHub.ETag("model.safetensors", Weights));

    public string Incomplete => WeightsBlob + ".incomplete";

    public Task<string> ResolveAsync(string name = Id, HubSettings? settings = null) => new ModelSource(settings ?? Settings).ResolveAsync(name);

    /// <summary>The error that resolving ends with, which is one line.</summary>
    public async Task<string> ErrorAsync(string name = Id, HubSettings? settings = null)
    {
        var thrown = await FluentActions.Awaiting(() => ResolveAsync(name, settings)).Should().ThrowAsync<GramException>();
        thrown.Which.Message.Should().NotContain("\n");
        return thrown.Which.Message;
    }

    public void Dispose()
    {
        Hub.Dispose();
        folder.Dispose();
    }
}
