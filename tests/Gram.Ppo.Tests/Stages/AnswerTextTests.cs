using Gram.Models.Generation;
using Gram.Models.Tokenization;
using Gram.Ppo.Records;
using Gram.Ppo.Stages;
using Gram.Ppo.Tests.Support;
using Gram.Reward.Data;

namespace Gram.Ppo.Tests.Stages;

public sealed class AnswerTextTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();
    private readonly Tokenizer tokenizer;

    public AnswerTextTests() => tokenizer = Tokenizer.Load(TinyPolicy.Write(directory.File("policy")));

    [Fact]
    public void Of_EndedResponse_LeavesEndTokenAndOuterSpaceOut() =>
        new AnswerText(tokenizer, lines: 0).Of(Prompt(""), Response(" a b")).Should().Be("a b");

    [Fact]
    public void Of_AnswerPrefix_StandsBeforeTheContinuation() =>
        new AnswerText(tokenizer, lines: 1).Of(Prompt("a b"), Response(" c d")).Should().Be("a b c d");

    public void Dispose() => directory.Dispose();

    private static PolicyPrompt Prompt(string prefix) => new(0, new Prompt("c") { AnswerPrefix = prefix }, "c", [4]);

    private GeneratedSequence Response(string text)
    {
        int[] tokens = [.. tokenizer.Encode(text), TinyPolicy.End];
        return new(tokens, ResponseEnd.EndToken);
    }
}
