using Gram.Host.Commands;
using Gram.Host.Configuration;
using Gram.Host.Hosting;
using Gram.Models;

namespace Gram.Host.Tests.Hosting;

public sealed class OutputDirectoryTests : IDisposable
{
    private readonly TemporaryDirectory folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Settle_WithoutAFolder_NumbersRuns()
    {
        var name = folder.File("ppo");
        Settle(name).Should().Be(name);

        Directory.CreateDirectory(name);
        Settle(name).Should().Be(name + "-2");

        Directory.CreateDirectory(name + "-2");
        Settle(name).Should().Be(name + "-3");
        Settle(name, "--resume_from_checkpoint", "true").Should().Be(name + "-2", "a resumed run goes on in the last folder");
        Settle(name, "--resume_from_checkpoint", "false").Should().Be(name + "-3");
    }

    [Fact]
    public void Settle_FolderOfAFinishedRun_IsKeptUnlessToldOtherwise()
    {
        var run = folder.File("run");
        Directory.CreateDirectory(run);
        File.WriteAllText(Path.Combine(run, "trainer_log.jsonl"), "");

        var settle = () => Settle("unused", "--output_dir", run);

        settle.Should().Throw<GramException>().WithMessage($"output_dir: {run} holds an earlier run*");
        Settle("unused", "--output_dir", run, "--overwrite_output_dir").Should().Be(run);
        Settle("unused", "--output_dir", run, "--resume_from_checkpoint", "true").Should().Be(run);
    }

    [Fact]
    public void Settle_FolderWithOtherFiles_IsUsed()
    {
        File.WriteAllText(folder.File("notes.txt"), "mine");

        Settle("unused", "--output_dir", folder.Path).Should().Be(folder.Path);
    }

    [Fact]
    public void Settle_File_IsAnError()
    {
        File.WriteAllText(folder.File("file"), "");

        var settle = () => Settle("unused", "--output_dir", folder.File("file"));

        settle.Should().Throw<GramException>().WithMessage("*is a file; name a folder");
    }

    private static string Settle(string name, params string[] words)
    {
        var (command, _) = CommandTable.Find(["ppo"]);
        var settings = new Settings(command.Schema, CommandArguments.Parse(words, command.Schema), command.Preset);
        OutputDirectory.Settle(settings, name);
        return settings.Get<CommonOptions>().OutputDir!;
    }
}
