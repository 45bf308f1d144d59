namespace Gram.Reward.Remote;

/// <summary>A server that is asked over HTTP, and how patiently.</summary>
public abstract record RemoteOptions
{
    private protected RemoteOptions(string role, string option, string keyVariable)
    {
        (Role, Option, KeyName) = (role, option, keyVariable);
        ApiKey = Environment.GetEnvironmentVariable(keyVariable) is { Length: > 0 } key ? key : null;
    }

    /// <summary>Where it is, the path before the protocol's own included (http://host:8000/v1).</summary>
    public required Uri BaseUrl { get; init; }

    /// <summary>The key, or null.</summary>
    public string? ApiKey { get; init; }

    /// <summary>Requests under way at a time.</summary>
    public int Concurrency { get; init; } = 16;

    /// <summary>How often a request that failed in passing (429, 5xx, no connection) is made again.</summary>
    public int Retries { get; init; } = 6;

    /// <summary>The wait before the first of these, which doubles; a server's Retry-After comes before it.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Longest time of one request.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>What the server is here, for messages.</summary>
    internal string Role { get; }

    /// <summary>The configuration key that names its address, for messages.</summary>
    internal string Option { get; }

    /// <summary>Name of the environment variable that holds the key.</summary>
    internal string KeyName { get; }
}
