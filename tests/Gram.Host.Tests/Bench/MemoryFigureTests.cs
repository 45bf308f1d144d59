using Gram.Host.Bench;
using TorchSharp;

namespace Gram.Host.Tests.Bench;

/// <summary>Alone in the process: what another test takes would be measured too.</summary>
[Collection(nameof(MemoryFigureTests)), CollectionDefinition(nameof(MemoryFigureTests), DisableParallelization = true)]
public sealed class MemoryFigureTests
{
    [SkippableFact]
    public void Peak_OfAMappedModel_IsItsWeights()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "only Linux tells a process's peak");
        using var directory = SpeedBenchTests.SmallModel(vocabulary: 1_000_000, torch.ScalarType.BFloat16); // 64 MB
        var report = new SpeedBench(directory.Path, torch.CPU, _ => { }) { Floors = () => SpeedBenchTests.Floors }.Run(["load_peak_bf16"]);

        report.Figures.Should().ContainSingle().Which.Share.Should().BeInRange(1 / 1.15, 1.1, "a second copy would halve it");
    }

    [SkippableFact]
    public void Activations_Checkpointed_AreAQuarterOfThePlainOnesAtMost()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "only Linux tells a process's peak");
        using var directory = SpeedBenchTests.SmallModel(layers: 32, hidden: 128); // 32 inputs of half a MB
        var report = new SpeedBench(directory.Path, torch.CPU, _ => { }) { Floors = () => SpeedBenchTests.Floors }.Run(["activations_4x256_f32", "activations_checkpointed_4x256_f32"]);

        report.Figures.Should().HaveCount(2).And.OnlyContain(figure => figure.Share > 0 && figure.Share < 1);
        report.Figures[1].Value.Should().BeLessThan(report.Figures[0].Value / 4);
    }
}
