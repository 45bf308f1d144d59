using static TorchSharp.torch;

namespace Gram.Models.Tests.Native;

public class ScalarQuarantineTests
{
    [Fact]
    public void ScalarOperands_SurviveCollectionsThatOtherThreadsStart()
    {
        // Without the quarantine this fails within a second: a scalar is freed while add reads it.
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(3));
        var collector = new Thread(() =>
        {
            while (!stop.IsCancellationRequested) GC.Collect(0);
        });
        collector.Start();
        using var x = ones(16);
        double sum = 0, expected = 0;
        while (!stop.IsCancellationRequested)
        {
            using var result = x + 0.5;
            sum += result[0].item<float>();
            expected += 1.5;
        }
        collector.Join();

        sum.Should().Be(expected).And.BePositive();
    }
}
