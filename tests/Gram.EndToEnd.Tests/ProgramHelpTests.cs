namespace Gram.EndToEnd.Tests;

[Collection(ProgramTests.Name)]
public sealed class ProgramHelpTests(TinyModels tiny)
{
    [Fact]
    public async Task NoArguments_ListTheCommands()
    {
        var run = await GramProgram.RunAsync(tiny.Root);

        run.ExitCode.Should().Be(0);
        foreach (var command in (string[])["ppo", "train", "align", "generate", "judge", "rerank", "eval", "best-of-n", "serve", "bench", "doctor", "demo build"])
        {
            run.Output.Should().Contain($"\n  {command} ");
        }
    }

    [Theory]
    [InlineData("train")]
    [InlineData("generate")]
    [InlineData("judge")]
    [InlineData("rerank")]
    [InlineData("eval")]
    public async Task CommandThatNeedsArguments_WithoutThem_PrintsItsHelp(string command)
    {
        var run = await GramProgram.RunAsync(tiny.Root, command);

        run.ExitCode.Should().Be(0);
        run.Output.Should().StartWith("Example:").And.Contain($"gram {command}").And.Contain("--seed");
        run.Error.Should().BeEmpty();
    }

    [Fact]
    public async Task Doctor_OnThisMachine_SaysWhatWasLoaded()
    {
        var run = await GramProgram.RunAsync(tiny.Root, "doctor", "--json");

        run.ExitCode.Should().Be(0);
        run.Json["engine"]!["version"]!.GetValue<string>().Should().StartWith("2.10");
        run.Json["devices"]!.AsArray().Select(device => device!.GetValue<string>()).Should().Contain("cpu");
        foreach (var dtype in (string[])["float32", "bfloat16"])
        {
            run.Json["dtypes"]![dtype]!["scoring_gflops"]!.GetValue<double>().Should().BeGreaterThan(0);
            run.Json["dtypes"]![dtype]!["decoding_gflops"]!.GetValue<double>().Should().BeGreaterThan(0);
        }
    }

    [Fact]
    public async Task Doctor_WithoutEngine_StillReportsTheRest()
    {
        var run = await GramProgram.RunAsync(tiny.Root, "doctor", "--libtorch", "/nowhere");

        run.ExitCode.Should().Be(2);
        run.ErrorLine.Should().Contain("/nowhere");
        run.Output.Should().Contain("dotnet");
    }
}
