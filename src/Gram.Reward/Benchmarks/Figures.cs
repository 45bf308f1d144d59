namespace Gram.Reward.Benchmarks;

/// <summary>Means of one group's items, a value for each of the benchmark's measures.</summary>
/// <param name="Group">The group.</param>
/// <param name="Count">Its items.</param>
/// <param name="Means">[measures] means over the items.</param>
public readonly record struct GroupMean(string Group, int Count, double[] Means);

/// <summary>A named share.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Value">In [0, 1].</param>
/// <param name="Count">Items behind it.</param>
public readonly record struct Figure(string Name, double Value, int Count);

/// <summary>What a benchmark reports.</summary>
/// <param name="Groups">The columns of its table.</param>
/// <param name="Average">Its mean of groups.</param>
/// <param name="Overall">Its figure over all items.</param>
public sealed record Figures(IReadOnlyList<Figure> Groups, double Average, double Overall)
{
    /// <summary>Finer figures below the groups.</summary>
    public IReadOnlyList<Figure> Details { get; init; } = [];

    /// <summary>Values of the groups, then average and overall.</summary>
    internal double[] Values => [.. Groups.Select(group => group.Value), Average, Overall];
}

/// <summary>A 95 % interval.</summary>
/// <param name="Low">Lower end.</param>
/// <param name="High">Upper end.</param>
public readonly record struct Interval(double Low, double High);
