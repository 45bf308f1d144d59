using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace Gram.Serving.Requests;

/// <summary>An error as clients get it (RFC 9457).</summary>
/// <param name="Type">What kind of problem; none has a page of its own.</param>
/// <param name="Title">The status in words.</param>
/// <param name="Status">The status.</param>
/// <param name="Detail">One line: what, where, what to do.</param>
/// <param name="RequestId">The request, as the server's log names it.</param>
public sealed record Problem(string Type, string Title, int Status, string Detail, string RequestId)
{
    /// <summary>Its media type.</summary>
    public const string MediaType = "application/problem+json";

    /// <summary>Answers a request with a problem.</summary>
    internal static Task WriteAsync(HttpContext context, int status, string detail, string requestId)
    {
        context.Response.StatusCode = status;
        var problem = new Problem("about:blank", ReasonPhrases.GetReasonPhrase(status), status, detail.ReplaceLineEndings(" "), requestId);
        return context.Response.WriteAsJsonAsync(problem, ServingJson.Options, MediaType, context.RequestAborted);
    }
}
