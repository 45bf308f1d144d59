using Microsoft.AspNetCore.Http;

namespace Gram.Serving.Requests;

/// <summary>What is known of a request, for the log, the metrics and the answer's headers.</summary>
/// <param name="Id">The client's own X-Request-Id, or one that was made.</param>
internal sealed record RequestRecord(string Id)
{
    public const string Header = "X-Request-Id";

    private const int LongestId = 128;

    /// <summary>The name of the key that let it in; null where none is needed.</summary>
    public string? Key { get; set; }

    /// <summary>Pairs that it asked for.</summary>
    public int Pairs { get; set; }

    /// <summary>The record of a request; it is made where there is none yet.</summary>
    public static RequestRecord Of(HttpContext context)
    {
        if (context.Features.Get<RequestRecord>() is { } known) return known;
        var record = new RequestRecord(context.Request.Headers[Header] is [{ Length: > 0 and <= LongestId } id] && id.All(letter => letter is > ' ' and <= '~') ? id : Guid.NewGuid().ToString("n"));
        context.Features.Set(record);
        return record;
    }
}
