using Gram.Host.Bench;
using TorchSharp;

namespace Gram.Host.Tests.Bench;

/// <summary>Alone in the process: what another test takes would be measured too.</summary>
[Collection(nameof(LoadSpeedTests)), CollectionDefinition(nameof(LoadSpeedTests), DisableParallelization = true)]
public sealed class LoadSpeedTests
{
    [SkippableFact]
    public void Peak_OfAMappedModel_IsItsWeights()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "only Linux tells a process's peak");
        using var directory = SpeedBenchTests.SmallModel(vocabulary: 1_000_000, torch.ScalarType.BFloat16); // 64 MB
        var report = new SpeedBench(directory.Path, torch.CPU, _ => { }) { Floors = () => SpeedBenchTests.Floors }.Run(["load_peak_bf16"]);

        report.Figures.Should().ContainSingle().Which.Share.Should().BeInRange(1 / 1.15, 1.1, "a second copy would halve it");
    }
}
