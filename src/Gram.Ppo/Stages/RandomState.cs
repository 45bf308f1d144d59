using System.Text.Json.Nodes;

namespace Gram.Ppo.Stages;

/// <summary>A random generator's four words in JSON.</summary>
internal static class RandomState
{
    public static JsonArray Save(ulong[] state) => [.. state.Select(word => JsonValue.Create(word))];

    public static ulong[] Load(JsonNode state) => [.. state.AsArray().Select(word => word!.GetValue<ulong>())];
}
