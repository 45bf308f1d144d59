using Gram.Host.Commands;
using Gram.Host.Configuration;
using Gram.Host.Runs;
using Gram.Training.Runs;

namespace Gram.Host.Tests.Runs;

public sealed class ResumedRunTests : IDisposable
{
    private readonly TemporaryDirectory folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Changes_SettingsOfTheStoppedRun_AreNotSaid()
    {
        Stopped("--reward_weights", "judge=1,mean_length=6", "--length_target", "12");

        ResumedRun.Changes(Of("--reward_weights", "judge=1,mean_length=6", "--length_target", "12", "--resume_from_checkpoint", "true", "--json")).Should().BeNull();
    }

    [Fact]
    public void Changes_OtherSettings_AreSaidWithWhatTheyWere()
    {
        Stopped("--reward_weights", "judge=1,mean_length=6", "--length_target", "12");

        ResumedRun.Changes(Of("--reward_weights", "judge=2,mean_length=6", "--length_target", "12", "--max_eval_kl", "7", "--resume_from_checkpoint", "true")).Should()
            .Be($"{folder.File("run")}: goes on with other settings than it was stopped with: reward_weights judge=1,mean_length=6 → judge=2,mean_length=6; max_eval_kl none → 7");
    }

    [Fact]
    public void Changes_RunThatBegins_HasNone()
    {
        Stopped("--seed", "7");
        ResumedRun.Changes(Of("--seed", "8", "--overwrite_output_dir", "true")).Should().BeNull("it takes up nothing");

        Directory.Delete(folder.File("run"), recursive: true);
        ResumedRun.Changes(Of("--seed", "8", "--resume_from_checkpoint", "true")).Should().BeNull("there is nothing to go on from");
    }

    [Fact]
    public void Changes_BrokenConfiguration_IsSaidAndStopsNothing()
    {
        Stopped();
        File.WriteAllText(folder.File("run/config.yaml"), "a: [");

        ResumedRun.Changes(Of("--resume_from_checkpoint", "true")).Should().Contain("config.yaml, line").And.Contain("not a YAML mapping");
    }

    private void Stopped(params string[] args)
    {
        using var run = RunDirectory.Open(folder.File("run"));
        run.WriteConfig(Of(args).ToYaml());
        run.SaveCheckpoint(3, [], _ => { });
    }

    private Settings Of(params string[] args)
    {
        var (command, words) = CommandTable.Find(["ppo", .. args, "--output_dir", folder.File("run")]);
        return new Settings(command.Schema, CommandArguments.Parse(words, command.Schema, command.Word), command.Preset);
    }
}
