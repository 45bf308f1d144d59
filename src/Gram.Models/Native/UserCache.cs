namespace Gram.Models.Native;

/// <summary>Folders for what is worked out once on a machine and can be worked out again.</summary>
internal static class UserCache
{
    /// <summary>A part's folders, best first: the user's own cache, then a temporary one for users without a home that can be written.</summary>
    public static IReadOnlyCollection<string> Folders(string part)
    {
        var cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } xdg
            ? xdg
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        var temporary = Path.Combine(Path.GetTempPath(), $"gramrl-{Environment.UserName}", part);
        return Path.IsPathRooted(cache) ? [Path.Combine(cache, "gramrl", part), temporary] : [temporary];
    }
}
