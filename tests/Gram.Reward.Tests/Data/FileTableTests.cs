using Gram.Models;
using Gram.Models.Tokenization;
using Gram.Reward.Data;
using Gram.Reward.Judging;

namespace Gram.Reward.Tests.Data;

public sealed class FileTableTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void PairFile_ChosenAndRejected_IsScoredWithAllFieldsKept()
    {
        var pair = PairFile.Read(Write("""{"prompt":"Why?","chosen":"So.","rejected":"No.","source":"x"}""")).Single();

        pair.Pair().Should().Be(new AnswerPair("Why?", "So.", "No."));
        pair.Scored(new(0.75, 0.5)).ToJsonString().Should().Be(
            """{"prompt":"Why?","chosen":"So.","rejected":"No.","source":"x","score_chosen":0.625,"score_rejected":0.375,"correct":true,"p_ab":0.75,"p_ba":0.5,"order_disagreement":0.25}""");
    }

    [Fact]
    public void PairFile_ResponsesAAndB_AreScoredByLetter()
    {
        var pair = PairFile.Read(Write("""{"prompt":"Why?","response_a":"So.","response_b":"No."}""")).Single();

        pair.Scored(PairScore.Tie).ToJsonString().Should().Be(
            """{"prompt":"Why?","response_a":"So.","response_b":"No.","score_a":0.5,"score_b":0.5,"p_ab":0.5,"p_ba":0.5,"order_disagreement":0}""");
    }

    [Theory]
    [InlineData("""{"prompt":"Why?","chosen":"So."}""", "'rejected' is missing")]
    [InlineData("""{"prompt":"Why?","response_b":"So."}""", "'response_a' is missing")]
    [InlineData("""{"prompt":["Why?"],"chosen":"So.","rejected":""}""", "'prompt' must be a text")]
    public void PairFile_BadRow_NamesIt(string row, string problem) =>
        FluentActions.Invoking(() => PairFile.Read(Write(row)).ToList()).Should().Throw<GramException>().WithMessage($"*row 1: {problem}");

    [Theory]
    [InlineData("""{"prompt":7}""", "'prompt' must be a text")]
    [InlineData("""{}""", "'prompt' is missing")]
    [InlineData("""{"messages":[]}""", "'messages' is empty")]
    [InlineData("""{"messages":[{"role":"tool","content":"x"}]}""", "'messages[0].role' is \"tool\"*")]
    [InlineData("""{"messages":[{"role":"system","content":"x"}]}""", "'messages' must end with a user turn*")]
    public void PromptFile_BadRow_NamesIt(string row, string problem) =>
        FluentActions.Invoking(() => PromptFile.Read(Write(row)).ToList()).Should().Throw<GramException>().WithMessage($"*row 1: {problem}");

    [Fact]
    public void GenerationFile_RowOfReadPrompt_KeepsItsFields()
    {
        var prompt = PromptFile.Read(Write("""{"prompt":"Why?","id":3}""")).Single();

        GenerationFile.RowOf(prompt, ["So.", "No."]).ToJsonString().Should().Be("""{"prompt":"Why?","id":3,"responses":["So.","No."]}""");
    }

    [Fact]
    public void GenerationFile_EmptyResponses_IsAnError() =>
        FluentActions.Invoking(() => GenerationFile.Read(Write("""{"prompt":"Why?","responses":[]}""")).ToList()).Should().Throw<GramException>().WithMessage("*row 1: 'responses' is empty");

    [Fact]
    public void Question_Conversation_IsSystemThenNamedTurnsUpToTheLastUserTurn()
    {
        var prompt = new Prompt(null, [new("system", "Be terse."), new("user", "Hi"), new("assistant", "Hello."), new ChatMessage("user", "Why?"), new ChatMessage("assistant", "So.")]);

        prompt.Question.Should().Be("Be terse.\n\nUser: Hi\n\nAssistant: Hello.\n\nUser: Why?");
        new Prompt(null, [new ChatMessage("user", "Why?")]).Question.Should().Be("Why?");
        new Prompt("Why?").Question.Should().Be("Why?");
        new Prompt(null, [new("system", "Be terse."), new ChatMessage("user", "Why?")]).Question.Should().Be("Be terse.\n\nUser: Why?");
    }

    private string Write(string row)
    {
        File.WriteAllText(directory.File("rows.jsonl"), row);
        return directory.File("rows.jsonl");
    }
}
