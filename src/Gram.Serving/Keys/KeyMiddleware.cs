using System.Text;
using Gram.Serving.Requests;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Gram.Serving.Keys;

/// <summary>
/// Lets in who brings a key: as a bearer token, in X-Api-Key, or as the password of basic authentication, which is what a client that can
/// only be given a URL makes of http://any:KEY@host. What says whether the server lives is open to everybody.
/// </summary>
internal sealed class KeyMiddleware(RequestDelegate next, ApiKeys keys)
{
    public const string Header = "X-Api-Key";

    private static readonly HashSet<string> Open = new(StringComparer.OrdinalIgnoreCase) { "/health", "/ready", RewardServer.OpenApiPath };

    public Task InvokeAsync(HttpContext context)
    {
        if (!keys.AreNeeded || Open.Contains(context.Request.Path)) return next(context);
        var key = KeyOf(context.Request);
        if (key is not null && keys.NameOf(key) is { } name)
        {
            RequestRecord.Of(context).Key = name;
            return next(context);
        }
        context.Response.Headers.WWWAuthenticate = "Bearer";
        throw new RefusedException(StatusCodes.Status401Unauthorized, $"{(key is null ? "a key is needed" : "this key is not known")}: send it as Authorization: Bearer KEY, in {Header}, or as the password in the URL");
    }

    private static string? KeyOf(HttpRequest request)
    {
        if (request.Headers[Header] is [{ Length: > 0 } own]) return own;
        if (request.Headers[HeaderNames.Authorization] is not [{ } authorization] || authorization.Split(' ', 2) is not [var scheme, var value]) return null;
        if (scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase)) return value.Trim();
        if (!scheme.Equals("Basic", StringComparison.OrdinalIgnoreCase)) return null;
        var bytes = new byte[value.Length];
        return Convert.TryFromBase64String(value.Trim(), bytes, out var count) && Encoding.UTF8.GetString(bytes, 0, count).Split(':', 2) is [_, var password] ? password : null;
    }
}
