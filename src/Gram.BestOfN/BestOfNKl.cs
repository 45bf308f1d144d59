namespace Gram.BestOfN;

/// <summary>How far best-of-n moves from the policy it samples.</summary>
public static class BestOfNKl
{
    /// <summary>
    /// KL from the policy, in nats a response: log n − (n − 1)/n. Exact where no two answers are alike, an upper bound
    /// otherwise. Source: Stiennon et al. 2020 (arXiv 2009.01325); the bound, Beirami et al. 2024 (arXiv 2401.01879).
    /// </summary>
    public static double Bound(int n)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(n, 1);
        return Math.Log(n) - (n - 1.0) / n;
    }
}
