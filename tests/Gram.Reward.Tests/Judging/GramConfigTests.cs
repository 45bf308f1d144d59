using Gram.Models;
using Gram.Reward.Judging;

namespace Gram.Reward.Tests.Judging;

public sealed class GramConfigTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [SkippableFact, Trait("Category", Goldens.Category)]
    public void Published_FilledIn_IsTheEvaluationScriptsPrompt()
    {
        var rendered = File.ReadAllText(Goldens.PathOf("rl", "gram_eval", "first_prompt.txt"));
        var item = Goldens.Json("rl", "gram_eval", "gram_eval.json")["items"]![0]!;

        var prompt = new JudgePrompt(GramConfig.Published).Render(item["prompt"]!.GetValue<string>(), item["chosen"]!.GetValue<string>(), item["rejected"]!.GetValue<string>());

        rendered.Should().Contain($"<|im_start|>user\n{prompt}<|im_end|>\n");
        prompt.Should().EndWith("\n\n#Preferred: ");
    }

    [Fact]
    public void Write_ThenRead_GivesTheSame()
    {
        var config = new GramConfig
        {
            Prompt = "A: {answer_a}\nB: {answer_b}\nBetter film review:", Labels = [" A", " B"], Template = "none", EnableThinking = null, TurnFormat = "<{role}> {content}",
        };

        config.Write(directory.Path);

        GramConfig.Read(directory.Path).Should().BeEquivalentTo(config);
        File.ReadAllText(directory.File("gram_config.json")).Should().Contain("\"enable_thinking\": null").And.Contain("<{role}>");
    }

    [Fact]
    public void Read_NoFile_IsThePublishedOne() => GramConfig.Read(directory.Path).Should().BeSameAs(GramConfig.Published);

    [Theory]
    [InlineData("{", "*gram_config.json: *")]
    [InlineData("{}", "*gram_config.json: *prompt*")]
    [InlineData("""{"prompt": "A: {answer_a}"}""", "*gram_config.json: *{answer_b} once*")]
    [InlineData("""{"prompt": "{answer_b}{answer_a}"}""", "*gram_config.json: *in this order*")]
    [InlineData("""{"prompt": "{answer_a}{question}{answer_b}"}""", "*gram_config.json: *in this order*")]
    [InlineData("""{"prompt": "{answer_a}{answer_b}", "labels": ["A"]}""", "*gram_config.json: *two different labels*\"A\"*")]
    [InlineData("""{"prompt": "{answer_a}{answer_b}", "labels": 7}""", "*gram_config.json: *")]
    [InlineData("""{"prompt": "{answer_a}{answer_b}", "labels": null}""", "*gram_config.json: *labels*")]
    [InlineData("""{"prompt": "{answer_a}{answer_b}", "labels": ["A", null]}""", "*gram_config.json: *two different labels*\"A\", null*")]
    [InlineData("""{"prompt": "{answer_a}{answer_b}", "turn_format": null}""", "*gram_config.json: *turn_format*")]
    [InlineData("""{"prompt": null}""", "*gram_config.json: *prompt*")]
    public void Read_BrokenFile_NamesItInOneLine(string content, string message)
    {
        File.WriteAllText(directory.File("gram_config.json"), content);

        FluentActions.Invoking(() => GramConfig.Read(directory.Path)).Should().Throw<GramException>().WithMessage(message).Which.Message.Should().NotContain("\n");
    }
}
