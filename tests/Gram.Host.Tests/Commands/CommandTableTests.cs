using Gram.Host.Commands;
using Gram.Host.Configuration;
using Gram.Host.Hosting;
using Gram.Models;

namespace Gram.Host.Tests.Commands;

public sealed class CommandTableTests
{
    private static readonly string[] EveryCommand = ["seed", "device", "dtype", "threads", "output_dir", "json", "libtorch"];

    public static IEnumerable<object[]> Names => CommandTable.All.Select(command => new object[] { command.Name });

    [Theory]
    [MemberData(nameof(Names))]
    public void Help_OfEveryCommand_BeginsWithAnExampleAndDescribesEveryKey(string name)
    {
        var (command, _) = CommandTable.Find(name.Split(' '));

        var help = HelpText.Of(command);

        help.Should().StartWith($"Example:  gram {name}");
        foreach (var key in command.Schema.Keys)
        {
            key.Description.Should().NotBeEmpty($"--{key.Name} of {name} needs words");
            if (key.Prefix.Length == 0) help.Should().Contain($"--{key.Name} {key.Kind}");
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Keys_OfEveryCommand_IncludeTheCommonOnes(string name)
    {
        var (command, _) = CommandTable.Find(name.Split(' '));

        command.Schema.Keys.Select(key => key.Name).Should().Contain(EveryCommand);
        command.Job.Should().BeAssignableTo<IJob>();
    }

    [Theory]
    [InlineData("ppo")]
    [InlineData("align")]
    [InlineData("best-of-n")]
    public void Preset_OfDemoCommands_IsAccepted(string name)
    {
        var (command, _) = CommandTable.Find([name]);

        var settings = new Settings(command.Schema, CommandArguments.Parse([], command.Schema), command.Preset);

        command.RunsBare.Should().BeTrue();
        foreach (var options in command.Options) settings.Get(options).Should().NotBeNull();
    }

    [Fact]
    public void Preset_WithTheUsersModel_StaysAway()
    {
        var (command, words) = CommandTable.Find(["ppo", "--model", "mine"]);

        var settings = new Settings(command.Schema, CommandArguments.Parse(words, command.Schema), command.Preset);

        settings.Get<Gram.Ppo.PpoOptions>().Dataset.Should().BeEmpty("the help desk's prompts are not the user's");
    }

    [Fact]
    public void Preset_WithTheUsersPrompt_LosesItsOwnPrompts()
    {
        var options = Load("best-of-n", "--prompt", "My router is broken.").Get<BestOfNOptions>();

        options.Prompt.Should().Be("My router is broken.");
        options.Input.Should().BeNull();
    }

    [Fact]
    public void Preset_WithTheUsersData_LosesItsHeldOutData()
    {
        Load("ppo", "--dataset", "mine.jsonl", "--val_size", "0.1").Get<Gram.Ppo.PpoOptions>().EvalDataset.Should().BeEmpty("val_size says what is held out");
        Load("ppo", "--dataset", "mine.jsonl", "--eval_dataset", "demo").Get<Gram.Ppo.PpoOptions>().EvalDataset.Should().Equal("demo");
        Load("ppo", "--dataset", "demo").Get<Gram.Ppo.PpoOptions>().EvalDataset.Should().Equal("demo");
        Load("align", "--judge_dataset", "mine.jsonl").Get<AlignOptions>().JudgeEvalDataset.Should().BeEmpty();
    }

    [Theory]
    [InlineData("stage1_seed")]
    [InlineData("stage1_dataset")]
    [InlineData("stage2_output_dir")]
    [InlineData("stage2_gram_loss")]
    [InlineData("stage2_resume_from_checkpoint")]
    public void Align_StageKeyThatTheRunSettles_IsUnknown(string key)
    {
        var load = () => Load("align", $"--{key}", "1");

        load.Should().Throw<GramException>().WithMessage($"command line: unknown key '{key}'*");
    }

    [Fact]
    public void Align_StageKeys_ReachTheirStage() =>
        Load("align", "--stage2_learning_rate", "3e-5").Get<Gram.Reward.Training.GramTrainingOptions>(AlignOptions.Stage2).LearningRate.Should().Be(3e-5);

    [Fact]
    public void Eval_Benchmarks_AreThoseOfTheLibrary() =>
        CommandTable.Find(["eval"]).Command.Schema.Find("benchmark")!.Allowed.Should().Equal(Gram.Reward.Benchmarks.Benchmark.Names);

    [Fact]
    public void Runs_LooseWords_AreFolders()
    {
        var (command, words) = CommandTable.Find(["runs", "a, b", "c", "--json"]);

        new Settings(command.Schema, CommandArguments.Parse(words, command.Schema, command.Word)).Get<RunsOptions>().Folders.Should().Equal("a, b", "c");
        Load("runs").Get<RunsOptions>().Folders.Should().Equal("runs");
    }

    [Fact]
    public void Find_UnknownCommand_NamesTheNearest()
    {
        var find = () => CommandTable.Find(["juge"]);

        find.Should().Throw<GramException>().WithMessage("unknown command 'juge'; the nearest known one is 'judge'*");
    }

    private static Settings Load(params string[] args)
    {
        var (command, words) = CommandTable.Find(args);
        return new Settings(command.Schema, CommandArguments.Parse(words, command.Schema), command.Preset);
    }
}
