using System.Net;

namespace Gram.Models.Checkpoints.Hub;

/// <summary>What an answer that is none of the expected means to the user.</summary>
internal static class HubErrors
{
    /// <summary>The error of a response. The hub names its kind in X-Error-Code.</summary>
    /// <param name="response">The response.</param>
    /// <param name="id">The model asked for.</param>
    /// <param name="settings">The hub, and the token that was sent.</param>
    public static GramException Of(HttpResponseMessage response, HubId id, HubSettings settings)
    {
        var (status, address) = (response.StatusCode, response.RequestMessage!.RequestUri!);
        var answer = $"{address.GetLeftPart(UriPartial.Authority)} answered {(int)status} ({Header("X-Error-Message") ?? response.ReasonPhrase})";
        // The store that the hub redirects to refuses links that have become old: the hub gives a new one.
        var isPassing = status is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests or >= HttpStatusCode.InternalServerError || !settings.IsHub(address);
        if (isPassing) return new HubUnreachableException($"{answer}: try again later", retryAfter: response.Headers.RetryAfter?.Delta);

        var token = settings.Token is null ? "set HF_TOKEN to a token that may read it" : "the token in use may not read it: set HF_TOKEN to one that may";
        return new GramException((Header("X-Error-Code"), status) switch
        {
            ("GatedRepo", _) => $"{answer}: {id.Repository} is gated: accept its terms at {settings.Endpoint}{id.Repository} and {token}",
            ("RevisionNotFound", _) => $"{answer}: {id.Repository} has no branch, tag or commit {id.Revision}",
            ("EntryNotFound", _) => $"{answer}: {id} has no file {address.Segments[^1]}",
            ("RepoNotFound", _) or (_, HttpStatusCode.Unauthorized) => $"{answer}: there is no model {id.Repository}, or it is private or gated: check the name, or {token}",
            (_, HttpStatusCode.Forbidden) => $"{answer}: {id.Repository} is gated or private: {token}",
            (_, HttpStatusCode.NotFound) => $"{answer}: there is no model {id.Repository}, or it has no revision {id.Revision}: check both",
            _ => answer,
        });

        string? Header(string name) => response.Headers.TryGetValues(name, out var values) ? string.Join(' ', values) : null;
    }
}
