using System.Buffers;
using System.Text.RegularExpressions;

namespace Gram.Models.Checkpoints.Hub;

/// <summary>A model on the hub: <c>name</c> or <c>organisation/name</c>, and a branch, tag or commit of it.</summary>
/// <param name="Repository">Its name, as the hub writes it.</param>
/// <param name="Revision">Branch, tag or commit.</param>
public sealed partial record HubId(string Repository, string Revision)
{
    /// <summary>The branch that a model without a revision means.</summary>
    public const string DefaultRevision = "main";

    private const int MaxLength = 96;
    private static readonly SearchValues<char> NotInRevisions = SearchValues.Create(" \t\n\r\\:?*~^[");

    /// <summary>The id that <c>name</c>, <c>organisation/name</c> or either with <c>@revision</c> writes; null for a text that can only be a path.</summary>
    public static HubId? TryParse(string text)
    {
        var at = text.IndexOf('@', StringComparison.Ordinal);
        var (repository, revision) = at < 0 ? (text, DefaultRevision) : (text[..at], text[(at + 1)..]);
        return repository.Length <= MaxLength && RepositoryName().IsMatch(repository) && IsRevision(revision) ? new(repository, revision) : null;
    }

    /// <inheritdoc/>
    public override string ToString() => Revision == DefaultRevision ? Repository : $"{Repository}@{Revision}";

    /// <summary>Whether a revision is a whole commit hash, which always means the same files.</summary>
    internal static bool IsCommit(string revision) => Commit().IsMatch(revision);

    /// <summary>git's rules for names, as far as one must not leave the folder that its file is in.</summary>
    private static bool IsRevision(string text) =>
        text.Split('/').All(part => part.Length > 0 && part[0] != '.') && !text.Contains("..", StringComparison.Ordinal) && !text.AsSpan().ContainsAny(NotInRevisions);

    // The hub's rules: letters, digits, "-", "_", "."; neither end of a part is "-" or "."; no "--" (the cache's separator), no "..", no ".git".
    [GeneratedRegex(@"^(?!.*(--|\.\.|\.git$))([0-9A-Za-z_]([0-9A-Za-z_.-]*[0-9A-Za-z_])?/)?[0-9A-Za-z_]([0-9A-Za-z_.-]*[0-9A-Za-z_])?\z")]
    private static partial Regex RepositoryName();

    [GeneratedRegex(@"^[0-9a-f]{40}\z")]
    private static partial Regex Commit();
}
