using Gram.Models.Tokenization;

namespace Gram.Models.Tests.Tokenization;

public sealed class ChatTemplateTests
{
    private const string ChatMl = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

    private static readonly ChatMessage[] Question = [new("user", "Hi")];

    [Fact]
    public void Render_ChatMl_ReadsSo() =>
        ChatTemplate.ByName("chatml").Render([new("system", "Be brief."), new("user", "Hi")], addGenerationPrompt: true)
            .Should().Be("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");

    [Fact]
    public void Render_None_IsTheTextItself() =>
        ChatTemplate.ByName("none").Render([new("user", "A: x\nB: y\nBetter:")], addGenerationPrompt: true).Should().Be("A: x\nB: y\nBetter:");

    [Fact]
    public void Pieces_OfATurn_KeepContentApart() =>
        ChatTemplate.ByName("qwen3").Pieces(Question, addGenerationPrompt: false).Where(piece => piece.IsContent).Should().Equal(new TemplatePiece("Hi", IsContent: true));

    [Fact]
    public void Render_Qwen3ThinkingOff_AddsAnEmptyThinkBlock() =>
        ChatTemplate.ByName("qwen3").Render(Question, addGenerationPrompt: true, enableThinking: false).Should().EndWith("<|im_start|>assistant\n<think>\n\n</think>\n\n");

    [Fact]
    public void Render_Llama31_PinsTheDate() =>
        ChatTemplate.ByName("llama3_1").Render(Question, addGenerationPrompt: false).Should().Contain("Today Date: 26 Jul 2024\n");

    [Fact]
    public void ByName_Unknown_ListsTheKnown() =>
        FluentActions.Invoking(() => ChatTemplate.ByName("alpaca")).Should().Throw<GramException>().WithMessage("*alpaca*qwen3*llama3*");

    [Fact]
    public void Render_UnknownRole_NamesIt() =>
        FluentActions.Invoking(() => ChatTemplate.ByName("chatml").Render([new("tool", "x")], addGenerationPrompt: true)).Should().Throw<GramException>().WithMessage("*tool*");

    [Theory]
    [InlineData(ChatMl)]
    [InlineData("{%- for message in messages -%}\n  {{- \"<|im_start|>\" ~ message.role ~ '\\n' ~ message.content ~ '<|im_end|>\\n' -}}\n{%- endfor -%}\n{%- if add_generation_prompt -%}\n  {{- '<|im_start|>assistant\\n' -}}\n{%- endif -%}")]
    [InlineData("{% for message in messages %}\n{{ '<|im_start|>' + message.role }}{{ '\\n' }}{{ message.content }}<|im_end|>\n{{ '' }}{% endfor %}\n{% if add_generation_prompt %}\n<|im_start|>assistant\n{{ '' }}{% endif %}\n")]
    [InlineData("{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}{# turns #}" + ChatMl)]
    public void Recognise_ChatMlHoweverLaidOut_IsChatMl(string jinja) => ChatTemplate.Recognise(jinja).Name.Should().Be("chatml");

    [SkippableTheory]
    [InlineData("qwen3")]
    [InlineData("llama3")]
    public void Recognise_PublishedText_IsItsTemplate(string name)
    {
        var jinja = Published(name);
        ChatTemplate.Recognise(jinja).Name.Should().Be(name);
        ChatTemplate.Recognise(jinja + "\n").Name.Should().Be(name, "a newline at the end is layout");
    }

    [SkippableTheory]
    [InlineData("qwen3", "'<think>\\n\\n</think>\\n\\n'", "'<think>\\n</think>\\n'")]
    [InlineData("llama3", "| trim", "")]
    public void Recognise_PublishedTextChanged_IsUnknown(string name, string part, string other)
    {
        var jinja = Published(name);
        FluentActions.Invoking(() => ChatTemplate.Recognise(jinja.Replace(part, other, StringComparison.Ordinal)))
            .Should().Throw<GramException>().WithMessage("*not a known one*set template to one of*qwen3*");
    }

    [Theory]
    [InlineData("{% for message in messages %}{{ message.content }}{% endfor %}")]
    [InlineData("{{ messages[0].content }}")]
    [InlineData("{% for message in messages")]
    [InlineData("")]
    public void Recognise_SomethingElse_IsUnknown(string jinja) =>
        FluentActions.Invoking(() => ChatTemplate.Recognise(jinja)).Should().Throw<GramException>().WithMessage("*not a known one*");

    [Fact]
    public void Recognise_GenerationPromptOfAnotherForm_IsUnknown() =>
        FluentActions.Invoking(() => ChatTemplate.Recognise(ChatMl.Replace("assistant", "model", StringComparison.Ordinal))).Should().Throw<GramException>();

    [Fact]
    public void Recognise_OtherDelimiters_AreReadOff()
    {
        var jinja = "{{ bos_token }}{% if messages[0]['role'] != 'system' %}{{ '[system] Be kind.\\n' }}{% endif %}{% for message in messages %}{{ '[' + message['role'] + '] ' + message['content'] | trim + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '[assistant] ' }}{% endif %}";

        var template = ChatTemplate.Recognise(jinja, bosToken: "<s>");

        template.Name.Should().Be("auto", "only its checkpoint has it");
        template.Render([new("user", " Hi ")], addGenerationPrompt: true).Should().Be("<s>[system] Be kind.\n[user] Hi\n[assistant] ");
    }

    [Fact]
    public void Encode_TextBetweenControlTokens_IsTokenisedAsOne()
    {
        using var directory = new TemporaryDirectory();
        // "\n" ends the template's text and "H" begins the content: one token where they are tokenised together.
        var json = ByteLevelTokenizer.Json("Ċ H");
        json["pre_tokenizer"] = new System.Text.Json.Nodes.JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["use_regex"] = false };
        var tokenizer = ByteLevelTokenizer.Load(directory, json);
        var (start, end) = (tokenizer.TokenId("<|im_start|>")!.Value, tokenizer.TokenId("<|im_end|>")!.Value);

        ChatTemplate.ByName("chatml").Encode(tokenizer, Question, addGenerationPrompt: false)
            .Should().Equal(start, 'u', 's', 'e', 'r', tokenizer.TokenId("ĊH")!.Value, 'i', end, '\n');
        ChatTemplate.ByName("chatml").Encode(tokenizer, [new("user", "<|im_end|>")], addGenerationPrompt: false)
            .Count(id => id == end).Should().Be(1, "content is only text");
    }

    [Fact]
    public void Encode_VocabularyWithoutTheTemplatesTokens_NamesOne()
    {
        using var directory = new TemporaryDirectory();
        var tokenizer = ByteLevelTokenizer.Load(directory, ByteLevelTokenizer.Json());
        FluentActions.Invoking(() => ChatTemplate.ByName("llama3").Encode(tokenizer, Question, addGenerationPrompt: true))
            .Should().Throw<GramException>().WithMessage("*llama3*<|begin_of_text|>*");
    }

    [Fact]
    public void Resolve_NoNameAndNoTemplate_AsksForOne()
    {
        using var directory = new TemporaryDirectory();
        var tokenizer = ByteLevelTokenizer.Load(directory, ByteLevelTokenizer.Json());
        FluentActions.Invoking(() => ChatTemplate.Resolve(null, tokenizer)).Should().Throw<GramException>().WithMessage("*no chat template*");
        ChatTemplate.Resolve("none", tokenizer).Name.Should().Be("none");
    }

    private static string Published(string name) => Tokenizer.Load(TestModels.OfficialTokenizer(name)).ChatTemplateSource!;
}
