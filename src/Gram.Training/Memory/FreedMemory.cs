using Gram.Models.Native;

namespace Gram.Training.Memory;

/// <summary>
/// Bounds what a run has freed and the C library keeps. It is kept because the next step takes it again; but where rows have ever new lengths,
/// blocks of one size are cut up for another, and what is kept grows from step to step.
/// </summary>
/// <param name="expected">Bytes that the run is expected to hold.</param>
public sealed class FreedMemory(long expected)
{
    private double bound = WithSlack(expected);

    /// <summary>
    /// Returns it to the system where the process holds clearly more than is expected, between two steps. What is left is in use, and bounds what may be held next.
    /// </summary>
    public void Bound()
    {
        if (!ResidentMemory.IsKnown || ResidentMemory.Held() <= bound) return;
        ResidentMemory.GiveBack();
        bound = Math.Max(bound, WithSlack(ResidentMemory.Held()));
    }

    /// <summary>A quarter more, and at least 1 GiB: a small run would pay for its pages in every step and gain nothing that counts.</summary>
    private static double WithSlack(double bytes) => bytes + Math.Max(0.25 * bytes, 1L << 30);
}
