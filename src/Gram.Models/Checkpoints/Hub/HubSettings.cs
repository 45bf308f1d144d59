using System.Text.RegularExpressions;

namespace Gram.Models.Checkpoints.Hub;

/// <summary>Where hub models come from and where they are kept: huggingface_hub's environment variables.</summary>
public sealed partial record HubSettings
{
    /// <summary>The hub (HF_ENDPOINT).</summary>
    public required Uri Endpoint { get; init; }

    /// <summary>The cache that Python's huggingface_hub uses too (HF_HUB_CACHE, or hub in HF_HOME).</summary>
    public required string CacheDirectory { get; init; }

    /// <summary>Token for private and gated models (HF_TOKEN, or the file that logging in wrote).</summary>
    public string? Token { get; init; }

    /// <summary>Whether nothing may be asked of the hub (HF_HUB_OFFLINE).</summary>
    public bool IsOffline { get; init; }

    /// <summary>Wait after the first failure; it doubles with each one after it.</summary>
    internal TimeSpan FirstDelay { get; init; } = TimeSpan.FromSeconds(0.5);

    /// <summary>Bytes of a range: a file that has more comes in several at once.</summary>
    internal long RangeSize { get; init; } = 64 << 20;

    /// <summary>Longest wait for an answer, or for the next bytes of one.</summary>
    internal TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Reads the environment.</summary>
    /// <param name="environment">A variable's value, or null; the process's own unless given.</param>
    /// <exception cref="GramException">HF_ENDPOINT is no address, or the token's file cannot be read.</exception>
    public static HubSettings FromEnvironment(Func<string, string?>? environment = null)
    {
        environment ??= Environment.GetEnvironmentVariable;
        var user = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        var home = Folder("HF_HOME") ?? Path.Combine(Folder("XDG_CACHE_HOME") ?? Path.Combine(user, ".cache"), "huggingface");
        return new()
        {
            Endpoint = ParseEndpoint(Text("HF_ENDPOINT") ?? "https://huggingface.co"),
            CacheDirectory = Path.GetFullPath(Folder("HF_HUB_CACHE") ?? Folder("HUGGINGFACE_HUB_CACHE") ?? Path.Combine(home, "hub")),
            Token = Text("HF_TOKEN") ?? Text("HUGGING_FACE_HUB_TOKEN") ?? TokenOf(Folder("HF_TOKEN_PATH") ?? Path.Combine(home, "token")),
            IsOffline = (Text("HF_HUB_OFFLINE") ?? Text("TRANSFORMERS_OFFLINE"))?.ToUpperInvariant() is "1" or "ON" or "YES" or "TRUE",
        };

        string? Text(string name) => environment(name)?.Trim() is { Length: > 0 } value ? value : null;

        // ~ and $NAME, which a shell expands and a container's ENV line does not.
        string? Folder(string name)
        {
            if (Text(name) is not { } path) return null;
            if (path == "~" || path.StartsWith("~/", StringComparison.Ordinal)) path = user + path[1..];
            return Variable().Replace(path, match => Text(match.Groups[1].Value) ?? match.Value);
        }
    }

    /// <summary>Whether an address is of the hub itself, which alone may see the token.</summary>
    internal bool IsHub(Uri address) => Uri.Compare(address, Endpoint, UriComponents.SchemeAndServer, UriFormat.UriEscaped, StringComparison.OrdinalIgnoreCase) == 0;

    private static Uri ParseEndpoint(string text) =>
        Uri.TryCreate(text.TrimEnd('/') + "/", UriKind.Absolute, out var endpoint) && endpoint.Scheme is "http" or "https"
            ? endpoint
            : throw new GramException($"HF_ENDPOINT is '{text}', must be an address such as https://huggingface.co");

    private static string? TokenOf(string path)
    {
        try
        {
            return File.Exists(path) && File.ReadAllText(path).Trim() is { Length: > 0 } token ? token : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new GramException($"{path}, the hub's token, cannot be read: {error.Message}", error);
        }
    }

    [GeneratedRegex(@"\$\{?(\w+)\}?")]
    private static partial Regex Variable();
}
