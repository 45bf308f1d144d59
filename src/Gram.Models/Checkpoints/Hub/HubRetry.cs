namespace Gram.Models.Checkpoints.Hub;

/// <summary>Tries again after what may be over in a moment, waiting twice as long each time.</summary>
internal sealed class HubRetry(TimeSpan firstDelay)
{
    private const int Attempts = 5;
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(60);

    /// <summary>Runs attempts until one succeeds, or five in a row got nothing further.</summary>
    /// <param name="attempt">One attempt.</param>
    /// <param name="advanced">What an attempt has gained even where it failed: bytes on disk.</param>
    /// <param name="cancellationToken">Ends it between attempts.</param>
    /// <exception cref="HubUnreachableException">The last attempt's.</exception>
    public async Task<T> RunAsync<T>(Func<Task<T>> attempt, Func<long>? advanced = null, CancellationToken cancellationToken = default)
    {
        var failures = 0;
        while (true)
        {
            var before = advanced?.Invoke();
            try
            {
                return await attempt();
            }
            catch (HubUnreachableException error)
            {
                failures = advanced?.Invoke() > before ? 1 : failures + 1;
                if (failures == Attempts) throw;
                var delay = error.RetryAfter ?? firstDelay * Math.Pow(2, failures - 1);
                await Task.Delay(delay < LongestDelay ? delay : LongestDelay, cancellationToken);
            }
        }
    }
}
