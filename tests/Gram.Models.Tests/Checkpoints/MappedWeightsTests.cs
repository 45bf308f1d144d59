using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Gram.Models.Checkpoints;
using Gram.Models.Native;
using Gram.Models.Tests.Transformer;
using Gram.Models.Transformer;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Tests.Checkpoints;

public sealed class MappedWeightsTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    private string File => directory.File("model.safetensors");

    public void Dispose() => directory.Dispose();

    [SkippableTheory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Load_AModelInItsStoredDtype_CopiesNothing(ScalarType dtype)
    {
        SkipWithoutProc();
        using var scope = NewDisposeScope();
        using (var model = TinyModels.Create("llama", 2, dtype)) model.Save(directory.Path);

        using var loaded = CausalLM.Load(directory.Path, dtype);

        foreach (var parameter in loaded.Parameters.Values) parameter.sum().Dispose(); // reads every page
        var mappings = Mappings();
        mappings.Should().NotBeEmpty().And.OnlyContain(mapping => mapping.Anonymous == 0);
        loaded.Parameters.Values.Should().OnlyContain(parameter => mappings.Any(mapping => mapping.Holds(Address(parameter))));
    }

    [SkippableFact]
    public void Load_AModelInAnotherDtype_KeepsNoPageMapped()
    {
        SkipWithoutProc();
        using (var model = TinyModels.Create("llama", 2, ScalarType.BFloat16)) model.Save(directory.Path);

        using var loaded = CausalLM.Load(directory.Path, ScalarType.Float32);

        Mappings().Should().BeEmpty();
    }

    [SkippableFact]
    public void Dispose_AModelWhoseViewLives_UnmapsWithTheView()
    {
        SkipWithoutProc();
        using var scope = NewDisposeScope();
        using (var model = TinyModels.Create("qwen3", 1)) model.Save(directory.Path);
        var loaded = CausalLM.Load(directory.Path);
        var view = loaded.Parameters["model.embed_tokens.weight"].narrow(0, 3, 2);
        using var expected = view.clone();

        loaded.Dispose();
        GoldenModel.MaxDifference(view, expected).Should().Be(0);
        Mappings().Should().ContainSingle();
        view.Dispose();

        Mappings().Should().BeEmpty();
    }

    [Fact]
    public void Load_ThenChangedInPlace_ReachesNeitherTheFileNorAnotherLoad()
    {
        using var scope = NewDisposeScope();
        SafetensorsWriter.Write(File, new Dictionary<string, Tensor> { ["w"] = tensor(new[] { 1f, 2f }) });
        var bytes = System.IO.File.ReadAllBytes(File);
        using var store = TensorStore.OpenFile(File);
        var (changed, other) = (store.Load("w"), store.Load("w"));

        changed.mul_(10);

        changed.data<float>().ToArray().Should().Equal(10, 20);
        other.data<float>().ToArray().Should().Equal(1, 2);
        System.IO.File.ReadAllBytes(File).Should().Equal(bytes);
    }

    [Fact]
    public void Save_IntoTheDirectoryItWasLoadedFrom_KeepsTheModelAndWritesIt()
    {
        using var scope = NewDisposeScope();
        using (var model = TinyModels.Create("qwen2", 3)) model.Save(directory.Path);
        using var loaded = CausalLM.Load(directory.Path);
        using (no_grad()) loaded.Parameters["model.norm.weight"].add_(1); // one of its own pages, the others still the file's
        var expected = loaded.Parameters.ToDictionary(parameter => parameter.Key, parameter => parameter.Value.clone());

        loaded.Save(directory.Path);
        using var again = CausalLM.Load(directory.Path);

        foreach (var (name, weight) in expected)
        {
            GoldenModel.MaxDifference(loaded.Parameters[name], weight).Should().Be(0, name);
            GoldenModel.MaxDifference(again.Parameters[name], weight).Should().Be(0, name);
        }
    }

    [Fact]
    public void Load_ElementsAtOddOffsets_AreCopiedToAlignedMemory()
    {
        using var scope = NewDisposeScope();
        WriteRaw("""{"b": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}, "w": {"dtype": "F32", "shape": [2, 1], "data_offsets": [1, 9]}}""", [7, .. BitConverter.GetBytes(1.5f), .. BitConverter.GetBytes(-2f)]);
        using var store = TensorStore.OpenFile(File);

        var loaded = store.Load("w");

        loaded.shape.Should().Equal(2, 1);
        loaded.data<float>().ToArray().Should().Equal(1.5f, -2f);
        (Address(loaded) % 4).Should().Be(0);
    }

    [Fact]
    public void Load_FromAFileCutAfterItWasOpened_SaysSo()
    {
        using var scope = NewDisposeScope();
        SafetensorsWriter.Write(File, new Dictionary<string, Tensor> { ["w"] = ones(4) });
        using var store = TensorStore.OpenFile(File);
        using (var stream = new FileStream(File, FileMode.Open, FileAccess.Write, FileShare.ReadWrite)) stream.SetLength(stream.Length - 4);

        FluentActions.Invoking(() => store.Load("w")).Should().Throw<GramException>().WithMessage("*model.safetensors became shorter*");
    }

    private static void SkipWithoutProc() => Skip.IfNot(OperatingSystem.IsLinux(), "/proc tells what is mapped");

    private static unsafe nint Address(Tensor tensor) => (nint)Shim.Data(tensor);

    /// <summary>Where this process has the file mapped, and how many bytes of that it holds in copies of its own.</summary>
    private List<Mapping> Mappings()
    {
        List<Mapping> mappings = [];
        var isFiles = false;
        foreach (var line in System.IO.File.ReadLines("/proc/self/smaps"))
        {
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words[0].Contains('-'))
            {
                isFiles = line.EndsWith(File, StringComparison.Ordinal);
                if (isFiles) mappings.Add(new(Number(words[0].Split('-')[0]), Number(words[0].Split('-')[1]), 0));
            }
            else if (isFiles && words[0] == "Anonymous:")
            {
                mappings[^1] = mappings[^1] with { Anonymous = long.Parse(words[1], CultureInfo.InvariantCulture) };
            }
        }
        return mappings;

        static nint Number(string text) => nint.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }

    private sealed record Mapping(nint Start, nint End, long Anonymous)
    {
        public bool Holds(nint address) => address >= Start && address < End;
    }

    private void WriteRaw(string header, byte[] data)
    {
        var json = Encoding.UTF8.GetBytes(header);
        var length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, json.Length);
        System.IO.File.WriteAllBytes(File, [.. length, .. json, .. data]);
    }
}
