namespace Gram.Models.Tokenization;

/// <summary>
/// Templates that write every turn alike: BOS, a system turn of their own where the conversation has none,
/// then opening, role, separator, content, closing. ChatML and its kin, and Llama 3.
/// </summary>
/// <param name="Bos">Begin-of-text token that the template writes, or nothing.</param>
/// <param name="DefaultSystem">System message where the conversation does not begin with one.</param>
/// <param name="Open">Before the role.</param>
/// <param name="Separator">Between role and content.</param>
/// <param name="Close">After the content.</param>
/// <param name="Trims">Whether content loses the white space around it.</param>
internal sealed record TurnFormat(string Bos, string? DefaultSystem, string Open, string Separator, string Close, bool Trims);

/// <summary>A template that is one <see cref="TurnFormat"/>.</summary>
internal sealed class TurnTemplate(string name, TurnFormat format) : ChatTemplate
{
    private static readonly TurnFormat ChatMlFormat = new("", null, "<|im_start|>", "\n", "<|im_end|>\n", Trims: false);

    /// <inheritdoc/>
    public override string Name => name;

    public static TurnTemplate ChatMl => new("chatml", ChatMlFormat);
    public static TurnTemplate SmolLM2 => new("smollm2", ChatMlFormat with { DefaultSystem = "You are a helpful AI assistant named SmolLM, trained by Hugging Face" });
    public static TurnTemplate Qwen25 => new("qwen2_5", ChatMlFormat with { DefaultSystem = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant." });
    public static TurnTemplate Qwen3Instruct2507 => new("qwen3_instruct_2507", ChatMlFormat);
    public static TurnTemplate Llama3 => new("llama3", new("<|begin_of_text|>", null, "<|start_header_id|>", "<|end_header_id|>\n\n", "<|eot_id|>", Trims: true));

    /// <summary>The template of a format read from a checkpoint: one that has a name, or "auto".</summary>
    public static TurnTemplate Of(TurnFormat format) =>
        ((TurnTemplate[])[ChatMl, SmolLM2, Qwen25, Llama3]).FirstOrDefault(template => template.HasFormat(format)) ?? new("auto", format);

    /// <inheritdoc/>
    public override IReadOnlyList<TemplatePiece> Pieces(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, bool? enableThinking = null)
    {
        CheckRoles(messages);
        var pieces = new List<TemplatePiece> { new(format.Bos, IsContent: false) };
        if (format.DefaultSystem is { } system && messages[0].Role != "system")
            pieces.Add(new($"{format.Open}system{format.Separator}{system}{format.Close}", IsContent: false));
        foreach (var message in messages)
        {
            pieces.Add(new(format.Open + message.Role + format.Separator, IsContent: false));
            pieces.Add(new(format.Trims ? PythonText.Strip(message.Content) : message.Content, IsContent: true));
            pieces.Add(new(format.Close, IsContent: false));
        }
        if (addGenerationPrompt) pieces.Add(new($"{format.Open}assistant{format.Separator}", IsContent: false));
        return pieces;
    }

    /// <summary>The same with another begin-of-text token.</summary>
    public TurnTemplate WithBos(string bos) => new(name, format with { Bos = bos });

    private bool HasFormat(TurnFormat other) => format == other;
}
