using Gram.Training.Memory;

namespace Gram.Training.Tests.Memory;

public sealed class MemoryAdviceTests
{
    private sealed record Settings(int Rows = 8, bool Cheap = false, bool Other = false);

    [Theory]
    [InlineData(100e6, "")]
    [InlineData(20e6, "rows: 1 (10 MB)")]
    [InlineData(5e6, "rows: 1 (10 MB), cheap: true (5 MB)")]
    [InlineData(1e6, "rows: 1 (10 MB), cheap: true (5 MB)")]
    public void Of_SomeChanges_TakesThoseThatHelpUntilItFits(double free, string expected)
    {
        // Rows of 10 MB, halved by cheap; the other setting takes nothing off.
        var (options, total, changes) = MemoryAdvice.Of(new Settings(), settings => settings.Rows * (settings.Cheap ? 5_000_000L : 10_000_000L), (long)free,
            settings => (settings with { Other = true }, "other: true"),
            settings => (settings with { Rows = 1 }, "rows: 1"),
            settings => settings.Cheap ? null : (settings with { Cheap = true }, "cheap: true"));

        string.Join(", ", changes).Should().Be(expected);
        options.Other.Should().BeFalse();
        total.Should().Be(options.Rows * (options.Cheap ? 5_000_000L : 10_000_000L));
    }

    [Fact]
    public void Of_AChangeThatAnotherGivesItsEffect_IsTriedAgain()
    {
        // The larger of two: halving the smaller one helps only once the larger one has been halved.
        var (_, total, changes) = MemoryAdvice.Of((A: 8_000_000L, B: 10_000_000L), sizes => Math.Max(sizes.A, sizes.B), 5_000_000,
            sizes => ((4_000_000, sizes.B), "a"),
            sizes => ((sizes.A, 5_000_000), "b"));

        changes.Should().Equal("b (8 MB)", "a (5 MB)");
        total.Should().Be(5_000_000);
    }
}
