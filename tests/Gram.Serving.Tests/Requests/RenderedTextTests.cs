using Gram.Models;
using Gram.Models.Tokenization;
using Gram.Serving.Requests;

namespace Gram.Serving.Tests.Requests;

public sealed class RenderedTextTests
{
    private static readonly ChatMessage[] Conversation = [new("system", "Be kind."), new("user", "Hi"), new("assistant", "Hello"), new("user", "Why is\n\nwater wet?")];

    public static IEnumerable<object[]> Templates => ChatTemplate.Names.Except(["none"]).Select(name => new object[] { name });

    [Theory]
    [MemberData(nameof(Templates))]
    public void Read_WhatATemplateRendered_GivesTheConversationBack(string name)
    {
        var template = ChatTemplate.ByName(name);
        var reader = new RenderedText(template);
        foreach (var messages in (ChatMessage[][])[[new("user", "Why?")], Conversation, Conversation[1..], [Conversation[0], new("user", "Why?")]])
        {
            var prompt = template.Render(messages, addGenerationPrompt: true);

            var (read, answer) = reader.Read(prompt + "Because it is.", "query[0]");

            answer.Should().Be("Because it is.");
            var expected = Gram.Reward.Data.Prompt.Of(messages);
            read.Text.Should().Be(expected.Text);
            (read.Messages ?? []).Should().Equal(expected.Messages ?? []);
            reader.ReadPrompt(prompt, "prompts[0]").Question.Should().Be(expected.Question);
        }
    }

    [Theory]
    [MemberData(nameof(Templates))]
    public void Read_EndAndPaddingAroundTheText_CountForNothing(string name)
    {
        var template = ChatTemplate.ByName(name);
        var text = template.Render([new("user", "Why?"), new("assistant", "So.")], addGenerationPrompt: false);

        var (read, answer) = new RenderedText(template).Read($"<|endoftext|><|endoftext|>{text.TrimEnd()}<|endoftext|><|endoftext|>", "query[0]");

        read.Question.Should().Be("Why?");
        Gram.Reward.Judging.JudgeText.Clean(answer).Should().Be("So.");
    }

    [Fact]
    public void ReadPrompt_WithTheEmptyThinkBlock_EndsWithTheQuestion()
    {
        var template = ChatTemplate.ByName("qwen3");

        new RenderedText(template).ReadPrompt(template.Render([new("user", "Why?")], addGenerationPrompt: true, enableThinking: false), "prompts[0]").Question.Should().Be("Why?");
    }

    [Theory]
    [InlineData("Why? So.", "it does not begin with a turn")]
    [InlineData("<|im_start|>user\nWhy?<|im_end|>\n", "it does not end with an assistant's turn after a user's")]
    [InlineData("<|im_start|>user\nWhy?<|im_end|>\nSo.", "something stands between two turns")]
    [InlineData("<|im_start|>assistant\nSo.<|im_end|>\n", "it does not end with an assistant's turn after a user's")]
    public void Read_WhatIsNoConversation_IsAnError(string text, string message) =>
        FluentActions.Invoking(() => new RenderedText(ChatTemplate.ByName("chatml")).Read(text, "query[3]")).Should().Throw<GramException>().WithMessage("query[3] is no conversation as template chatml writes it: " + message);

    [Fact]
    public void New_TemplateWithoutMarks_IsAnError() =>
        FluentActions.Invoking(() => new RenderedText(ChatTemplate.ByName("none"))).Should().Throw<GramException>().WithMessage("template none: nothing tells its turns apart*");
}
