namespace Gram.Serving.Requests;

/// <summary>A turn of a conversation.</summary>
/// <param name="Role">system, user or assistant.</param>
/// <param name="Content">Its text.</param>
public sealed record Turn(string Role, string Content);
