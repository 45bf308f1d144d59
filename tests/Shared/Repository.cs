namespace Gram.Tests;

/// <summary>Folders that tests read: the checkout, and beside it the shared data, models and goldens (absent in a user's clone).</summary>
internal static class Repository
{
    /// <summary>The checkout: the folder of GramRL.sln.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The shared folder beside the checkout.</summary>
    public static string Shared { get; } = Path.GetFullPath(Path.Combine(Root, "..", "shared"));

    /// <summary>A path under the shared folder; skips the test where it is absent.</summary>
    public static string SharedPath(params string[] parts)
    {
        var path = Path.Combine([Shared, .. parts]);
        Skip.IfNot(Path.Exists(path), $"{path} is absent: this test needs the shared data beside the checkout");
        return path;
    }

    private static string FindRoot()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "GramRL.sln"))) directory = directory.Parent;
        return directory?.FullName ?? throw new InvalidOperationException($"GramRL.sln is in no parent of {AppContext.BaseDirectory}");
    }
}
