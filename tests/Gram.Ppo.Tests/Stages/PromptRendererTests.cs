using Gram.Models.Tokenization;
using Gram.Ppo.Stages;
using Gram.Ppo.Tests.Support;
using Gram.Reward.Data;

namespace Gram.Ppo.Tests.Stages;

public sealed class PromptRendererTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void TemplateOf_OneThatWritesTheBeginToken_HasTheCheckpointsOwn()
    {
        var tokenizer = Tokenizer("""
            ,"bos_token":"<|end|>","chat_template":"{{ bos_token }}{% for message in messages %}{{ '[' + message['role'] + '] ' + message['content'] + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '[assistant] ' }}{% endif %}"
            """);

        PromptRenderer.TemplateOf("auto", tokenizer)!.Render([new("user", "a")], addGenerationPrompt: true).Should().Be("<|end|>[user] a\n[assistant] ");
    }

    [Fact]
    public void Render_CheckpointWithoutATemplate_IsRawText() => Render(Tokenizer(""), "auto").Should().Equal(2, 1, 3);

    private static int[] Render(Tokenizer tokenizer, string template) =>
        new PromptRenderer(tokenizer, PromptRenderer.TemplateOf(template, tokenizer), enableThinking: null, turnFormat: "", room: 100).Render([new Prompt("a b")], "training")[0].Tokens;

    private Tokenizer Tokenizer(string more)
    {
        TinyPolicy.Write(directory.File("policy"));
        File.WriteAllText(directory.File("policy/tokenizer_config.json"), $$"""{"eos_token":"<|end|>","pad_token":"<|end|>"{{more}} }""");
        return Gram.Models.Tokenization.Tokenizer.Load(directory.File("policy"));
    }
}
