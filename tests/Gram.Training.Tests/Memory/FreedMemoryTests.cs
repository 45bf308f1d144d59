using Gram.Models.Native;
using Gram.Training.Memory;
using static TorchSharp.torch;

namespace Gram.Training.Tests.Memory;

public sealed class FreedMemoryTests
{
    private const long Bytes = 2L << 30;
    private const int Count = 32768;

    [SkippableFact]
    public void Bound_BeyondWhatIsExpected_ReturnsWhatWasFreed()
    {
        Skip.IfNot(ResidentMemory.IsKnown, "the system does not tell how much memory a process holds");
        var before = ResidentMemory.Held();
        Tensor[] blocks = [.. Enumerable.Range(0, Count).Select(_ => ones(Bytes / Count / sizeof(float)))]; // too small for pages of their own
        using var above = ones(1); // the heap's end cannot simply move back
        foreach (var block in blocks) block.Dispose();
        (ResidentMemory.Held() - before).Should().BeGreaterThan(0.8 * Bytes, "the C library keeps it");

        new FreedMemory(expected: long.MaxValue).Bound();
        (ResidentMemory.Held() - before).Should().BeGreaterThan(0.8 * Bytes, "as much is expected");

        new FreedMemory(expected: (long)ResidentMemory.Held() - (512L << 20)).Bound();
        (ResidentMemory.Held() - before).Should().BeGreaterThan(0.8 * Bytes, "half a gibibyte more is within the slack");

        new FreedMemory(expected: 0).Bound();
        (ResidentMemory.Held() - before).Should().BeLessThan(0.2 * Bytes);
    }
}
