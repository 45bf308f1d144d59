using Gram.Models.Native;
using Gram.Models.Speed;
using static TorchSharp.torch;

namespace Gram.Models.Tests.Speed;

public sealed class DTypeChoiceTests : IDisposable
{
    private readonly TemporaryDirectory folder = new();
    private readonly List<ScalarType> measured = [];

    public void Dispose() => folder.Dispose();

    [Fact]
    public void For_EachWorkload_IsItsFasterDType()
    {
        var choice = Choice();
        choice.For(Workload.Scoring).Should().Be(ScalarType.Float32, "180 GFLOP/s are more than 1");
        choice.For(Workload.Decoding).Should().Be(ScalarType.BFloat16, "half the bytes are read");
        measured.Should().Equal(ScalarType.Float32, ScalarType.BFloat16, ScalarType.Float32, ScalarType.BFloat16);
    }

    [Fact]
    public void Rates_DisturbedRound_CountsTheOther()
    {
        var rounds = new Queue<DTypeRates>([new(20, 5), new(100, 60), new(180, 40), new(90, 30)]); // float32, bfloat16, float32, bfloat16
        var choice = new DTypeChoice(_ => rounds.Dequeue(), [], "");
        choice.Rates[ScalarType.Float32].Should().Be(new DTypeRates(180, 40));
        choice.Rates[ScalarType.BFloat16].Should().Be(new DTypeRates(100, 60));
    }

    [Fact]
    public void Rates_SameMachineAgain_AreNotMeasured()
    {
        var rates = Choice().Rates;
        measured.Clear();

        Choice().Rates.Should().Equal(rates);

        measured.Should().BeEmpty();
        Directory.GetFiles(folder.Path).Should().ContainSingle("nothing temporary is left");
    }

    [Fact]
    public void Rates_AnotherMachine_AreMeasured()
    {
        _ = Choice().Rates;
        measured.Clear();

        _ = Choice(machine: "the same processor; 4 threads").Rates;

        measured.Should().NotBeEmpty();
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[1]")]
    [InlineData("{\"float32\":{\"scoring_gflops\":180,\"decoding_gflops\":20}}")]
    [InlineData("{\"float32\":{\"scoring_gflops\":180,\"decoding_gflops\":20},\"bfloat16\":null}")]
    [InlineData("{\"float32\":{\"scoring_gflops\":180,\"decoding_gflops\":20},\"bfloat16\":{\"scoring_gflops\":0,\"decoding_gflops\":40}}")]
    public void Rates_KeptOnesUnreadable_AreMeasuredAndKeptAgain(string broken)
    {
        _ = Choice().Rates;
        var file = Directory.GetFiles(folder.Path).Single();
        var kept = File.ReadAllText(file);
        File.WriteAllText(file, broken);
        measured.Clear();

        _ = Choice().Rates;

        measured.Should().NotBeEmpty();
        File.ReadAllText(file).Should().Be(kept);
    }

    [Fact]
    public void Rates_FirstFolderCannotBeWritten_AreKeptInTheNext()
    {
        File.WriteAllText(folder.File("file"), "");
        string[] folders = [folder.File("file/below"), folder.File("next")];

        _ = Choice(folders: folders).Rates;
        measured.Clear();
        _ = Choice(folders: folders).Rates;

        measured.Should().BeEmpty();
    }

    [Fact]
    public void Rates_NoFolderCanBeWritten_AreStillMeasured()
    {
        File.WriteAllText(folder.File("file"), "");

        Choice(folders: [folder.File("file/below")]).For(Workload.Decoding).Should().Be(ScalarType.BFloat16);
    }

    [Fact]
    public void Trial_OnThisMachine_GivesRatesAndKeepsNoTensor()
    {
        var before = TorchSharp.DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        DTypeTrial.Measure(CPU, ScalarType.BFloat16).IsMeasured.Should().BeTrue();
        TorchSharp.DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount.Should().Be(before);
    }

    [Fact]
    public void Processor_OnThisMachine_HasAName() => Processor.Name.Should().NotBeEmpty();

    private DTypeChoice Choice(string machine = "a processor; 2 threads", string[]? folders = null) => new(Measure, folders ?? [folder.Path], machine);

    private DTypeRates Measure(ScalarType dtype)
    {
        measured.Add(dtype);
        return dtype == ScalarType.Float32 ? new DTypeRates(180, 20) : new DTypeRates(1, 40);
    }
}
