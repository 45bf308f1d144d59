using System.Text.Json.Nodes;
using Gram.Host.Commands;
using Gram.Host.Configuration;
using Gram.Host.Runs;
using Gram.Models;
using Gram.Training.Runs;

namespace Gram.Host.Tests.Runs;

public sealed class RunFolderTests : IDisposable
{
    private readonly TemporaryDirectory folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Read_RunThatIsFinished_HasItsResult()
    {
        Run("ppo", "a", run =>
        {
            run.Log(1, new Dictionary<string, double> { ["objective/kl"] = 0.5 });
            run.Log(2, new Dictionary<string, double> { ["objective/kl"] = 1 }); // beyond max_eval_kl: the model is the one of step 1
            run.SaveFinal(1, [], _ => { });
        }, """{"kl": 0.25, "steps": 1, "seconds": 2, "win_rate": {"judge": {"mean": 0.75, "low": 0.7, "high": 0.8}}, "model": "a"}""");

        var run = RunFolder.Read(folder.File("a"));

        (run.Command, run.State, run.Steps, run.Model).Should().Be(("ppo", RunState.Finished, 1, "demo"));
        run.Metrics.Select(metric => (metric.Name, metric.Text)).Should().Equal(("kl", "0.25"), ("steps", "1"), ("seconds", "2"), ("win_rate.judge", "0.75 [0.7, 0.8]"));
    }

    [Fact]
    public void Read_RunThatIsNotFinished_HasWhatItLoggedLast()
    {
        Run("train", "logged", run =>
        {
            run.Log(1, new Dictionary<string, double> { ["loss"] = 0.7, ["learning_rate"] = 1e-5 });
            run.Log(1, new Dictionary<string, double> { ["eval_accuracy"] = 0.5 });
            run.Log(2, new Dictionary<string, double> { ["loss"] = double.NaN });
        }, "--model", "m", "--dataset", "d");
        Run("train", "saved", run => run.SaveCheckpoint(3, [], _ => { }), "--model", "m", "--dataset", "d");

        var (logged, saved) = (RunFolder.Read(folder.File("logged")), RunFolder.Read(folder.File("saved")));

        (logged.Command, logged.State, logged.Steps).Should().Be(("train", RunState.Stopped, 2));
        logged.Metrics.ToDictionary(metric => metric.Name, metric => metric.Text).Should().Equal(new Dictionary<string, string> { ["loss"] = "NaN", ["learning_rate"] = "0", ["eval_accuracy"] = "0.5" });
        (saved.State, saved.Steps).Should().Be((RunState.Resumable, 3));
    }

    [Theory]
    [InlineData("ppo")]
    [InlineData("align")]
    [InlineData("train", "--model", "m", "--dataset", "d")]
    [InlineData("eval", "pairs", "--scores", "s.jsonl")]
    [InlineData("best-of-n")]
    public void Command_OfEveryRun_IsFoundByItsKeys(string command, params string[] args)
    {
        FinishedRun.Write(Stages(command, args, "b"), JsonNode.Parse("""{"seconds": 1}""")!.AsObject());

        RunFolder.Read(folder.File("b")).Command.Should().Be(command);
    }

    [Fact]
    public void In_FolderOfRuns_FindsThemAndNotTheirCheckpoints()
    {
        Run("ppo", "x/first", run => run.SaveCheckpoint(1, [], directory => File.WriteAllText(Path.Combine(directory, "config.yaml"), "seed: 1\n")));
        Run("ppo", "second", run => run.Log(1, new Dictionary<string, double> { ["loss"] = 1 }));
        Directory.CreateDirectory(folder.File("no-run"));
        Directory.CreateDirectory(folder.File("broken"));
        File.WriteAllText(folder.File("broken/config.yaml"), "a: [");
        File.WriteAllText(folder.File("broken/result.json"), "{}");
        var broken = new List<string>();

        var runs = RunFolder.In(folder.Path, broken.Add);

        runs.Select(run => Path.GetRelativePath(folder.Path, run.Path)).Should().BeEquivalentTo("x/first", "second");
        broken.Should().ContainSingle().Which.Should().Contain("broken/config.yaml, line");
    }

    [Fact]
    public void In_FolderThatIsMissing_SaysSo()
    {
        var list = () => RunFolder.In(folder.File("nowhere"), _ => { });

        list.Should().Throw<GramException>().WithMessage("*nowhere: no such folder*");
    }

    [Fact]
    public void Compare_TwoRuns_ShowsSettingsThatDifferAndResultsSideBySide()
    {
        Run("ppo", "a", run => run.SaveFinal(1, [], _ => { }), """{"kl": 0.25, "seconds": 2}""", "--seed", "7");
        Run("ppo", "b", run => run.SaveFinal(1, [], _ => { }), """{"kl": 0.5, "seconds": 2}""", "--seed", "8");

        RunFolder[] runs = [RunFolder.Read(folder.File("a")), RunFolder.Read(folder.File("b"))];
        var json = RunReports.JsonOfComparison(runs);

        json["settings"]!.ToJsonString().Should().Be("""{"seed":["7","8"]}""");
        json["metrics"]!["kl"]!.ToJsonString().Should().Be("[0.25,0.5]");
        var table = RunReports.Compare(runs);
        table.Should().MatchRegex(@"\nseed\s+7\s+8\n").And.MatchRegex(@"\nkl\s+0\.25\s+0\.5\n").And.NotContain("output_dir");
    }

    private void Run(string command, string name, Action<RunDirectory> write, params string[] args)
    {
        var result = args is [var first, ..] && first.StartsWith('{') ? first : null;
        using var run = RunDirectory.Open(folder.File(name));
        run.WriteConfig(Stages(command, result is null ? args : args[1..], name).First.ToYaml());
        write(run);
        if (result is not null) File.WriteAllText(Path.Combine(run.Path, RunDirectory.ResultFile), result);
    }

    private RunStages Stages(string name, string[] args, string run)
    {
        var (command, words) = CommandTable.Find([name, .. args, "--output_dir", folder.File(run)]);
        Directory.CreateDirectory(folder.File(run));
        return new RunStages([new Settings(command.Schema, CommandArguments.Parse(words, command.Schema, command.Word), command.Preset)]);
    }
}
