namespace Gram.Models;

/// <summary>
/// An error that the user can mend: bad input, a wrong path, a broken file. The message is one line that says
/// what is wrong, where (file, row, key), and what to do.
/// </summary>
public class GramException : Exception
{
    /// <summary>Creates the error with its one-line message.</summary>
    public GramException(string message) : base(message) { }

    /// <summary>Creates the error with its one-line message and the exception that caused it.</summary>
    public GramException(string message, Exception? innerException) : base(message, innerException) { }

    /// <summary>Creates the error without a message.</summary>
    public GramException() { }
}
