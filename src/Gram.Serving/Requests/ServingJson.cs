using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Gram.Models;
using Microsoft.AspNetCore.Http;

namespace Gram.Serving.Requests;

/// <summary>The server's JSON: names in snake case, and bodies whose fields are what they should be. Fields that are not known count for nothing: clients send their own.</summary>
internal static class ServingJson
{
    public static JsonSerializerOptions Options { get; } = Configure(new JsonSerializerOptions(JsonSerializerDefaults.Web));

    /// <summary>Sets options to what the server reads and writes.</summary>
    public static JsonSerializerOptions Configure(JsonSerializerOptions options)
    {
        options.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
        options.PropertyNameCaseInsensitive = false;
        options.NumberHandling = JsonNumberHandling.Strict;
        options.AllowDuplicateProperties = false;
        options.RespectNullableAnnotations = true;
        options.RespectRequiredConstructorParameters = true;
        options.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
        return options;
    }

    /// <summary>The body of a request.</summary>
    /// <exception cref="GramException">It is no JSON, or lacks a field, or has a wrong one; the message names the field.</exception>
    public static async ValueTask<T> ReadAsync<T>(HttpContext context)
    {
        try
        {
            return await JsonSerializer.DeserializeAsync<T>(context.Request.Body, Options, context.RequestAborted) ?? throw new GramException("the body is null: an object is needed");
        }
        catch (JsonException error)
        {
            throw new GramException($"the body is not what {context.Request.Path} takes: {Cause(error)}", error);
        }
    }

    /// <summary>The serializer's message without names of this program's types and without byte positions.</summary>
    private static string Cause(JsonException error)
    {
        var text = error.Message.Split(" Path:")[0].Split(" LineNumber:")[0].TrimEnd('.');
        if (text.IndexOf("was missing required properties", StringComparison.Ordinal) is >= 0 and var missing) text = $"it {text[missing..]}";
        else if (text.StartsWith("The JSON value could not be converted", StringComparison.Ordinal)) text = "a value is of another kind";
        return error.Path is { Length: > 1 } path ? $"{path}: {text}" : text;
    }
}
