namespace Gram.Models.Checkpoints.Hub;

/// <summary>What may be over in a moment: a busy hub, a cut connection, no network. It is tried again, and only then the user's.</summary>
internal sealed class HubUnreachableException(string message, Exception? cause = null, TimeSpan? retryAfter = null) : GramException(message, cause)
{
    /// <summary>How long the hub asks to wait.</summary>
    public TimeSpan? RetryAfter => retryAfter;
}
