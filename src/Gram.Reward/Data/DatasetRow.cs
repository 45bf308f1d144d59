using Gram.Models.Tokenization;

namespace Gram.Reward.Data;

/// <summary>A row of a data set, whatever its layout was.</summary>
/// <param name="Source">The row as it stood.</param>
/// <param name="Messages">User and assistant turns, ending with the user's; empty where the row is broken (wrong roles or an odd count).</param>
/// <param name="Responses">The answer; or the chosen and the rejected one; empty where the row is broken or has none.</param>
/// <param name="System">The system message; null or empty = none.</param>
public sealed record DatasetRow(JsonRow Source, IReadOnlyList<ChatMessage> Messages, IReadOnlyList<string> Responses, string? System)
{
    /// <summary>A conversation that ends with a user turn nobody answers: no example to train on, but a prompt; null otherwise.</summary>
    public IReadOnlyList<ChatMessage>? OpenMessages { get; init; }

    /// <summary>The prompt as a judge or a policy takes it, a system message in front; the (preferred) answer is its reference; null in a broken row.</summary>
    public Prompt? Prompt => (OpenMessages ?? Messages) is not { Count: > 0 } turns ? null
        : Prompt.Of(string.IsNullOrEmpty(System) ? turns : [new("system", System), .. turns], Responses.Count > 0 ? Responses[0] : null, Source.Fields)
            with { AnswerPrefix = Source.OptionalText("answer_prefix") ?? "" };
}
