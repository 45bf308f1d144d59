using System.Text;

namespace Gram.Models.Tokenization;

/// <summary>
/// Text of token ids that come one by one. Its pieces hold whole characters only: bytes that may yet become one are held back until
/// they do, or until it is certain that they do not, and are U+FFFD then. All pieces together are <see cref="Tokenizer.Decode"/>'s text.
/// </summary>
public sealed class TextStreamer
{
    private readonly Tokenizer tokenizer;
    private readonly bool skipSpecialTokens;
    private readonly StringBuilder text = new();
    private readonly TokenDecoder decoder;

    /// <summary>Begins a text.</summary>
    /// <param name="tokenizer">Whose ids come.</param>
    /// <param name="skipSpecialTokens">Whether control tokens leave no text.</param>
    public TextStreamer(Tokenizer tokenizer, bool skipSpecialTokens = true)
    {
        (this.tokenizer, this.skipSpecialTokens) = (tokenizer, skipSpecialTokens);
        decoder = tokenizer.NewDecoder(text);
    }

    /// <summary>Takes in the next token; returns the text that is certain since the one before, often none.</summary>
    public string Push(int id)
    {
        if (tokenizer.WrittenToken(id, skipSpecialTokens) is { } token) decoder.Push(token);
        return Taken();
    }

    /// <summary>Ends the text; returns what was held back.</summary>
    public string Flush()
    {
        decoder.Flush();
        return Taken();
    }

    private string Taken()
    {
        if (text.Length == 0) return "";
        var piece = text.ToString();
        text.Clear();
        return piece;
    }
}
