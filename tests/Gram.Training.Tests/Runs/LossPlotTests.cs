using Gram.Training.Runs;

namespace Gram.Training.Tests.Runs;

public sealed class LossPlotTests : IDisposable
{
    private static readonly byte[] PngSignature = [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Write_MetricsOfTheLog_AreAPictureEach()
    {
        using var run = RunDirectory.Open(directory.File("run"));
        for (var step = 1; step <= 5; step++) run.Log(step, new Dictionary<string, double> { ["loss"] = 1.0 / step, ["learning_rate"] = 0.1 });
        run.Log(2, new Dictionary<string, double> { ["eval_loss"] = 0.5 });
        run.Log(4, new Dictionary<string, double> { ["eval_loss"] = double.NaN });
        run.Log(5, new Dictionary<string, double> { ["eval_loss"] = 0.4 });
        run.Log(5, new Dictionary<string, double> { ["eval_accuracy"] = 0.4 });

        var files = LossPlot.Write(directory.Path, run);

        files.Should().Equal(["training_loss.png", "training_eval_loss.png"], "one point makes no curve");
        foreach (var file in files) File.ReadAllBytes(directory.File(file)).Should().StartWith(PngSignature);
        run.Curve("eval_loss").Should().Equal((2, 0.5), (5, 0.4));
    }

    [Fact]
    public void Smooth_ThreeValues_FollowsTheFormula()
    {
        // w = 1.8 · (1 / (1 + e^−0.15) − 0.5) = 0.0673738…
        var w = 1.8 * (0.53742984535 - 0.5);

        var smoothed = LossPlot.Smooth([1, 0, 2]);

        smoothed[0].Should().Be(1);
        smoothed[1].Should().BeApproximately(w, 1e-9);
        smoothed[2].Should().BeApproximately((w * w) + (2 * (1 - w)), 1e-9);
    }
}
