using System.Text;
using Gram.Models.Tokenization;

namespace Gram.Models.Generation;

/// <summary>A response's text as its tokens come, up to a stop string.</summary>
internal sealed class ResponseText(Tokenizer tokenizer, IReadOnlyList<string> stops)
{
    private readonly TextStreamer stream = new(tokenizer);
    private readonly StopStrings search = new(stops);
    private readonly StringBuilder text = new();

    /// <summary>Whether a stop string was found.</summary>
    public bool Stopped => search.Found;

    /// <summary>The text so far, without what may yet become a stop string.</summary>
    public string Text => text.ToString();

    /// <summary>Takes in a token; returns the text that is certain since the one before.</summary>
    public string Add(int token, bool last)
    {
        var piece = search.Push(stream.Push(token));
        if (last) piece += search.Push(stream.Flush()) + search.Flush();
        text.Append(piece);
        return piece;
    }
}
