namespace Gram.Models.Checkpoints.Hub;

/// <summary>One process at a time downloads a blob. On Unix an exclusive open is flock(2), which huggingface_hub's locks are too.</summary>
internal static class BlobLock
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    /// <summary>Waits for the lock; disposing gives it back.</summary>
    /// <param name="path">The lock's file, which stays.</param>
    /// <param name="waiting">Called once, where another has it.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task<IDisposable> TakeAsync(string path, Action? waiting, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        for (var isFirst = true; ; isFirst = false)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException error) when (IsHeld(error))
            {
                if (isFirst) waiting?.Invoke();
            }
            await Task.Delay(Interval, cancellationToken);
        }
    }

    /// <summary>EWOULDBLOCK of Linux and macOS, ERROR_SHARING_VIOLATION.</summary>
    private static bool IsHeld(IOException error) => error.HResult is 11 or 35 or unchecked((int)0x80070020);
}
