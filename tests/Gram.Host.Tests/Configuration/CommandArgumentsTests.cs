using Gram.Host.Configuration;
using Gram.Models;
using Gram.Training.Configuration;

namespace Gram.Host.Tests.Configuration;

public sealed class CommandArgumentsTests
{
    private static readonly OptionSchema Schema = new([typeof(SampleOptions)]);

    [Fact]
    public void Parse_FlagBeforeFile_LeavesTheFileAlone()
    {
        var arguments = CommandArguments.Parse(["--do_sample", "run.yaml"], Schema);

        arguments.File.Should().Be("run.yaml");
        arguments.Values.Should().Equal(new Dictionary<string, string> { ["do_sample"] = "true" });
    }

    [Fact]
    public void Parse_FlagWithValue_TakesIt()
    {
        CommandArguments.Parse(["--do_sample", "false"], Schema).Values["do_sample"].Should().Be("false");
    }

    [Fact]
    public void Parse_ValueWithDash_IsAValue()
    {
        CommandArguments.Parse(["--model", "-"], Schema).Values["model_name_or_path"].Should().Be("-");
    }

    [Fact]
    public void Parse_KeyTwice_TakesTheLast()
    {
        CommandArguments.Parse(["--max_steps", "1", "--max_steps=2"], Schema).Values["max_steps"].Should().Be("2");
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("-h")]
    public void Parse_Help_AsksForHelp(string word)
    {
        CommandArguments.Parse([word], Schema).Help.Should().BeTrue();
    }

    [Theory]
    [InlineData("judgebench", "run.yaml")]
    [InlineData("judgebench")]
    [InlineData("run.yaml")]
    public void Parse_WordOfTheCommand_SetsItsKeyUnlessItIsAFile(params string[] words)
    {
        var arguments = CommandArguments.Parse(words, Schema, "benchmark");

        arguments.Values.GetValueOrDefault("benchmark").Should().Be(words[0] == "judgebench" ? "judgebench" : null);
        arguments.File.Should().Be(words[^1] == "run.yaml" ? "run.yaml" : null);
    }

    [Fact]
    public void Parse_TwoFiles_IsAnError()
    {
        var parse = () => CommandArguments.Parse(["a.yaml", "b.yaml"], Schema);

        parse.Should().Throw<GramException>().WithMessage("unexpected 'b.yaml' after 'a.yaml'*");
    }

    [Fact]
    public void Parse_KeyWithoutValue_SaysWhatItNeeds()
    {
        var parse = () => CommandArguments.Parse(["--max_steps", "--do_sample"], Schema);

        parse.Should().Throw<GramException>().WithMessage("--max_steps needs a value: integer, accepted: 1 or more");
    }
}
