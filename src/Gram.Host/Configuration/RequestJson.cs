using System.Text.Json;
using System.Text.Json.Nodes;

namespace Gram.Host.Configuration;

/// <summary>What keys of servers elsewhere hold: addresses, and fields of requests.</summary>
internal static class RequestJson
{
    /// <summary>Whether a text is the address of a server.</summary>
    public static bool IsAddress(string text) => Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https";

    /// <summary>An object of fields; null where the text is none.</summary>
    public static JsonObject? Parse(string text)
    {
        try
        {
            return JsonNode.Parse(text) as JsonObject;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
