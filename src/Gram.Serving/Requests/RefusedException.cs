namespace Gram.Serving.Requests;

/// <summary>A request that is refused with a status of its own.</summary>
/// <param name="status">The status.</param>
/// <param name="message">One line: what, where, what to do.</param>
internal sealed class RefusedException(int status, string message) : Exception(message)
{
    public int Status { get; } = status;
}
