using Gram.Host.Hosting;
using Gram.Models;
using Gram.Training.Runs;

namespace Gram.Host.Tests.Hosting;

public sealed class ExitCodeTests
{
    public static TheoryData<Exception, int> Errors => new()
    {
        { new GramException("a.json, row 3: 'prompt' is missing"), 2 },
        { new RunStoppedException("max_kl reached; the last good checkpoint is runs/ppo/checkpoint-3"), 3 },
        { new OperationCanceledException(), 130 },
        { new UnauthorizedAccessException("no access to /"), 2 },
        { new InvalidOperationException("impossible"), 1 },
    };

    [Theory]
    [MemberData(nameof(Errors))]
    public void Of_Error_IsTheDocumentedCode(Exception error, int code) => ExitCode.Of(error).Should().Be(code);

    [Fact]
    public void Text_OfUsersError_IsOneLine() => ExitCode.Text(new GramException("first\nsecond")).Should().Be("first second");

    [Fact]
    public void Text_OfBug_HasItsType() => ExitCode.Text(new InvalidOperationException("impossible")).Should().Contain(nameof(InvalidOperationException));
}
