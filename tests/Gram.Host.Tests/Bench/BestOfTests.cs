using Gram.Host.Bench;

namespace Gram.Host.Tests.Bench;

public class BestOfTests
{
    private readonly List<string> notes = [];

    [Fact]
    public void Seconds_FastRuns_IsTheBestAfterTheWarmUps()
    {
        Measure(budget: 60, warmups: 2, repeats: 3, 0.1, 0.2, 0.5, 0.3, 0.4).Should().Be(0.3);
        notes.Should().BeEmpty();
    }

    [Fact]
    public void Seconds_SlowRuns_EndsWithinTheBudgetAndSaysSo()
    {
        Measure(budget: 60, warmups: 1, repeats: 5, 21, 20, 19.5).Should().Be(20, "a third run would pass 60 s");
        notes.Should().Equal("decode: 2 of 6 runs, since one takes 20.0 s");
    }

    [Fact]
    public void Seconds_RunLongerThanTheBudget_CountsTheWarmUp()
    {
        Measure(budget: 60, warmups: 3, repeats: 15, 90).Should().Be(90);
        notes.Should().Equal("decode: 1 of 18 runs, since one takes 90.0 s");
    }

    [Fact]
    public void Seconds_Cancelled_RunsNoMore()
    {
        using var source = new CancellationTokenSource();
        var runs = 0;
        var measure = () => new BestOf(60, notes.Add).Seconds("decode", 1, 5, Run, source.Token);
        measure.Should().Throw<OperationCanceledException>();
        runs.Should().Be(1);

        double Run()
        {
            runs++;
            source.Cancel();
            return 1;
        }
    }

    private double Measure(double budget, int warmups, int repeats, params double[] seconds)
    {
        var runs = new Queue<double>(seconds);
        return new BestOf(budget, notes.Add).Seconds("decode", warmups, repeats, runs.Dequeue);
    }
}
