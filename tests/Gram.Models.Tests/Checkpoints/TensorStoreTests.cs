using System.Buffers.Binary;
using System.Text;
using Gram.Models.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Tests.Checkpoints;

public sealed class TensorStoreTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    [InlineData(ScalarType.Float16)]
    [InlineData(ScalarType.Float64)]
    [InlineData(ScalarType.Int64)]
    [InlineData(ScalarType.Int32)]
    [InlineData(ScalarType.Byte)]
    [InlineData(ScalarType.Bool)]
    public void Load_Written_IsEqual(ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var tensor = arange(0, 6, dtype: ScalarType.Float32).reshape(2, 3).to(dtype);
        SafetensorsWriter.Write(directory.File("t.safetensors"), new Dictionary<string, Tensor> { ["weight"] = tensor });

        using var store = TensorStore.OpenFile(directory.File("t.safetensors"));
        store.Names.Should().Equal("weight");
        store.Shape("weight").Should().Equal(2, 3);
        var loaded = store.Load("weight");
        loaded.dtype.Should().Be(dtype);
        loaded.eq(tensor).all().item<bool>().Should().BeTrue();
    }

    [Fact]
    public void Write_StridedScalarAndEmpty_AreRead()
    {
        using var scope = NewDisposeScope();
        var transposed = arange(6, dtype: ScalarType.Float32).reshape(2, 3).t();
        SafetensorsWriter.Write(directory.File("t.safetensors"), new Dictionary<string, Tensor> { ["a"] = transposed, ["scalar"] = tensor(3.5f), ["none"] = zeros(0, 4) });

        using var store = TensorStore.OpenFile(directory.File("t.safetensors"));
        store.Load("a").data<float>().ToArray().Should().Equal(0, 3, 1, 4, 2, 5);
        store.Load("scalar").item<float>().Should().Be(3.5f);
        store.Load("none").shape.Should().Equal(0, 4);
    }

    [Fact]
    public void Write_Layout_IsTheReferences()
    {
        using var scope = NewDisposeScope();
        SafetensorsWriter.Write(directory.File("t.safetensors"), new Dictionary<string, Tensor>
        {
            ["z"] = tensor(new[] { 1f }),
            ["b"] = tensor(new byte[] { 7 }, dtype: ScalarType.Byte),
            ["a"] = tensor(new[] { 2f }),
        });

        var bytes = File.ReadAllBytes(directory.File("t.safetensors"));
        var length = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        (length % 8).Should().Be(0, "data is aligned to 8 bytes");
        Encoding.UTF8.GetString(bytes, 8, length).TrimEnd(' ').Should().Be(
            """{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"z":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},"b":{"dtype":"U8","shape":[1],"data_offsets":[8,9]}}""");
        bytes[^1].Should().Be(7);
    }

    [Fact]
    public void Write_WithDType_CastsFloatsOnly()
    {
        using var scope = NewDisposeScope();
        SafetensorsWriter.Write(directory.File("t.safetensors"), new Dictionary<string, Tensor> { ["w"] = tensor(new[] { 1f, 2f }), ["i"] = tensor(new[] { 3L }) }, dtype: ScalarType.BFloat16);

        using var store = TensorStore.OpenFile(directory.File("t.safetensors"));
        store.DType("w").Should().Be(ScalarType.BFloat16);
        store.DType("i").Should().Be(ScalarType.Int64);
        store.Load("w", ScalarType.Float32).data<float>().ToArray().Should().Equal(1, 2);
    }

    [Fact]
    public void Write_Fails_LeavesTheOldFile()
    {
        using var scope = NewDisposeScope();
        var path = directory.File("t.safetensors");
        SafetensorsWriter.Write(path, new Dictionary<string, Tensor> { ["w"] = tensor(new[] { 1f }) });
        var disposed = tensor(new[] { 2f });
        disposed.Dispose();

        FluentActions.Invoking(() => SafetensorsWriter.Write(path, new Dictionary<string, Tensor> { ["w"] = disposed })).Should().Throw<Exception>();

        using var store = TensorStore.OpenFile(path);
        store.Load("w").item<float>().Should().Be(1);
        Directory.GetFiles(directory.Path).Should().ContainSingle();
    }

    [Fact]
    public void Load_Tensors_OutliveStoreAndLeakNothing()
    {
        SafetensorsWriter.Write(directory.File("model.safetensors"), new Dictionary<string, Tensor> { ["w"] = ones(4) });
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;

        using (var scope = NewDisposeScope())
        {
            Tensor loaded;
            using (var store = TensorStore.OpenDirectory(directory.Path)) loaded = store.Load("w", ScalarType.BFloat16);
            loaded.@float().sum().item<float>().Should().Be(4);
        }

        DisposeScopeManager.Statistics.ThreadTotalLiveCount.Should().Be(before);
    }

    [Fact]
    public void OpenDirectory_Shards_ReadsAll()
    {
        using var scope = NewDisposeScope();
        SafetensorsWriter.Write(directory.File("model-00001-of-00002.safetensors"), new Dictionary<string, Tensor> { ["a"] = ones(2) });
        SafetensorsWriter.Write(directory.File("model-00002-of-00002.safetensors"), new Dictionary<string, Tensor> { ["b"] = zeros(3) });
        File.WriteAllText(directory.File("model.safetensors.index.json"), """{"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}""");

        using var store = TensorStore.OpenDirectory(directory.Path);
        store.Names.Should().BeEquivalentTo("a", "b");
        store.FileOf("b").Should().EndWith("model-00002-of-00002.safetensors");
        store.Load("b").shape.Should().Equal(3);
    }

    [Theory]
    [InlineData("""{"weight_map": {"a": "../elsewhere.safetensors"}}""", "*index.json*\"../elsewhere.safetensors\"*")]
    [InlineData("""{"weight_map": {"c": "model-1.safetensors"}}""", "*model-1.safetensors lacks tensor c*")]
    [InlineData("""{"metadata": {}}""", "*index.json*weight_map*")]
    public void OpenDirectory_BrokenIndex_SaysHow(string index, string message)
    {
        using var scope = NewDisposeScope();
        SafetensorsWriter.Write(directory.File("model-1.safetensors"), new Dictionary<string, Tensor> { ["a"] = ones(2) });
        File.WriteAllText(directory.File("model.safetensors.index.json"), index);
        FluentActions.Invoking(() => TensorStore.OpenDirectory(directory.Path)).Should().Throw<GramException>().WithMessage(message);
    }

    [Theory]
    [InlineData("""{"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, "w": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}""", "*header*")]
    [InlineData("""{"w": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}""", "*offset*gap*w*")]
    [InlineData("""{"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}""", "*4 bytes follow*")]
    [InlineData("""{"w": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}}""", "*header*w*")]
    [InlineData("""{"w": {"dtype": "F32", "shape": [4611686018427387904, 4611686018427387904, 4], "data_offsets": [0, 8]}}""", "*w*offset*")]
    [InlineData("""{"w": {"dtype": "F32", "shape": [2]}}""", "*header*w*")]
    [InlineData("""{"w": 3}""", "*header*w*")]
    [InlineData("""{"w": {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}}""", "*data_offsets*w*")]
    [InlineData("""[]""", "*header*")]
    [InlineData("""{"\ud800": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}""", "*header*")]
    [InlineData("""{"w": {"dtype": "\ud800", "shape": [2], "data_offsets": [0, 8]}}""", "*header*")]
    public void OpenFile_BrokenHeader_SaysHow(string header, string message)
    {
        var json = Encoding.UTF8.GetBytes(header);
        var bytes = new byte[8 + json.Length + 8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, json.Length);
        json.CopyTo(bytes, 8);
        File.WriteAllBytes(directory.File("t.safetensors"), bytes);

        FluentActions.Invoking(() => TensorStore.OpenFile(directory.File("t.safetensors"))).Should().Throw<GramException>().WithMessage("*t.safetensors*").WithMessage(message);
    }

    [Fact]
    public void Load_UnknownName_NamesIt()
    {
        using var scope = NewDisposeScope();
        SafetensorsWriter.Write(directory.File("t.safetensors"), new Dictionary<string, Tensor> { ["w"] = ones(1) });
        using var store = TensorStore.OpenFile(directory.File("t.safetensors"));
        FluentActions.Invoking(() => store.Load("v")).Should().Throw<GramException>().WithMessage("*t.safetensors*v*");
    }

    [SkippableTheory, Trait("Category", Goldens.Category)]
    [MemberData(nameof(BrokenModels))]
    public void Open_BrokenGolden_SaysWhatItShould(string name)
    {
        var path = Goldens.PathOf("models", "bad", name);
        var expect = Goldens.Json("models", "bad", name, "expect.json");
        var error = FluentActions.Invoking(() =>
        {
            ModelConfig.Read(path);
            using var store = TensorStore.OpenDirectory(path);
        }).Should().Throw<GramException>().Which;

        error.Message.Should().NotContain("\n");
        foreach (var word in expect["message_should_mention"]!.AsArray()) error.Message.Should().Contain(word!.GetValue<string>());
    }

    /// <summary>Cases that need no model to notice: which tensors an architecture needs, and their shapes, is the model's to say.</summary>
    public static IEnumerable<object[]> BrokenModels() => Goldens.Folders("models/bad", "expect.json").Where(row =>
    {
        if (row is [""]) return true;
        var expect = Goldens.Json("models", "bad", (string)row[0], "expect.json");
        var reason = expect["reason"]!.GetValue<string>();
        return expect["load"]!.GetValue<string>() == "model" && !reason.Contains("architecture") && !reason.Contains("config.json implies");
    });
}
