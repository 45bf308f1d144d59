namespace Gram.Models.Tokenization;

/// <summary>A Hugging Face tokenizer.json (byte-level BPE), equal to Hugging Face's own on ids.</summary>
public sealed class Tokenizer
{
    /// <summary>Loads tokenizer.json and tokenizer_config.json of a directory.</summary>
    public static Tokenizer Load(string directory) => throw new NotImplementedException();
    /// <summary>Ids of a text. User text never becomes a control token unless <paramref name="allowControlTokens"/>.</summary>
    /// <param name="text">The text.</param>
    /// <param name="addSpecialTokens">Whether the tokenizer's own BOS or EOS is added (its post-processor).</param>
    /// <param name="allowControlTokens">Whether control tokens written in the text become their ids.</param>
    public int[] Encode(string text, bool addSpecialTokens = false, bool allowControlTokens = false) => throw new NotImplementedException();
    /// <summary>Text of ids; bytes that are not UTF-8 become U+FFFD.</summary>
    public string Decode(IEnumerable<int> ids, bool skipSpecialTokens = true) => throw new NotImplementedException();
    /// <summary>Id of a token as written in the vocabulary or among the control tokens (for example "&lt;|im_end|&gt;"), or null.</summary>
    public int? TokenId(string token) => throw new NotImplementedException();
    /// <summary>Number of ids, control tokens included.</summary>
    public int Count => throw new NotImplementedException();
    /// <summary>Control tokens (added tokens that are special) by text.</summary>
    public IReadOnlyDictionary<string, int> ControlTokens => throw new NotImplementedException();
    /// <summary>Begin-of-text id of tokenizer_config.json, if any.</summary>
    public int? BosTokenId => throw new NotImplementedException();
    /// <summary>End-of-text id of tokenizer_config.json, if any.</summary>
    public int? EosTokenId => throw new NotImplementedException();
    /// <summary>Padding id of tokenizer_config.json, if any.</summary>
    public int? PadTokenId => throw new NotImplementedException();
    /// <summary>The checkpoint's chat template (tokenizer_config.json or chat_template.jinja), if any.</summary>
    public string? ChatTemplateSource => throw new NotImplementedException();
    /// <summary>Copies tokenizer files of the loaded checkpoint byte for byte into another directory.</summary>
    public void CopyTo(string directory) => throw new NotImplementedException();
}
