namespace Gram.Pipes;

/// <summary>How a <see cref="BatchWorker{TItem,TResult}"/> gathers what its callers ask.</summary>
public sealed record BatchOptions
{
    /// <summary>Items from which a batch takes no further request.</summary>
    public int MaxItems { get; init; } = 256;

    /// <summary>Cost (tokens, say) beyond which a batch takes no further request; a request alone may cost more.</summary>
    public long MaxCost { get; init; } = long.MaxValue;

    /// <summary>How long the first request of a batch that is not full waits for company. What it waited while another batch ran counts.</summary>
    public TimeSpan Gather { get; init; } = TimeSpan.Zero;

    /// <summary>Items that may wait for their batch; a request above that is refused.</summary>
    public int MaxWaiting { get; init; } = int.MaxValue;
}

/// <summary>What became of a batch.</summary>
/// <param name="Requests">Requests in it.</param>
/// <param name="Items">Their items.</param>
/// <param name="Cost">What the items cost; 0 where nothing says so.</param>
/// <param name="Waited">How long its oldest request waited.</param>
/// <param name="Took">How long the work took.</param>
public readonly record struct BatchReport(int Requests, int Items, long Cost, TimeSpan Waited, TimeSpan Took);

/// <summary>More waits than may wait: ask again later.</summary>
/// <param name="retryAfter">When there should be room again, at the present pace.</param>
public sealed class OverloadedException(TimeSpan retryAfter) : Exception($"too much waits already: try again in {Math.Ceiling(retryAfter.TotalSeconds)} s")
{
    /// <summary>When there should be room again, at the present pace.</summary>
    public TimeSpan RetryAfter { get; } = retryAfter;
}
