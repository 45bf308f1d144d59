using System.Net;
using Gram.Models;

namespace Gram.Reward.Remote;

/// <summary>A server's answer that it does not do what it was asked.</summary>
internal sealed class RefusedRequestException(string message, HttpStatusCode status) : GramException(message)
{
    /// <summary>Its status.</summary>
    public HttpStatusCode Status { get; } = status;
}
