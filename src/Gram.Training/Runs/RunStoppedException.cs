namespace Gram.Training.Runs;

/// <summary>A guard stopped the run (steps that are not finite, max_kl, a full disk): exit code 3. The message names the last good checkpoint.</summary>
public sealed class RunStoppedException : Exception
{
    /// <summary>Creates the error with its one-line message.</summary>
    public RunStoppedException(string message) : base(message) { }
    /// <summary>Creates the error with its one-line message and cause.</summary>
    public RunStoppedException(string message, Exception? innerException) : base(message, innerException) { }
    /// <summary>Creates the error without a message.</summary>
    public RunStoppedException() { }
}
