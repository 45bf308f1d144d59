using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Training.Runs;

namespace Gram.Training.Tests.Runs;

public sealed class RunDirectoryTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    private string Run => directory.File("run");

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Log_EachStep_IsOneJsonLineThatIsOnDiskAtOnce()
    {
        using var run = RunDirectory.Open(Run);
        run.Log(1, new Dictionary<string, double> { ["loss"] = 0.5, ["learning_rate"] = 1e-5 });
        run.Log(2, new Dictionary<string, double> { ["loss"] = double.NaN });

        Lines().Should().Equal("""{"step":1,"loss":0.5,"learning_rate":1E-05}""", """{"step":2,"loss":"NaN"}""");
    }

    [Fact]
    public void Open_FolderOfTheModelItself_IsRefusedAndLeftAsItIs()
    {
        Directory.CreateDirectory(Run);
        File.WriteAllText(Path.Combine(Run, "model.safetensors"), "weights");

        FluentActions.Invoking(() => RunDirectory.Open(Run, overwrite: true, model: Run + Path.DirectorySeparatorChar))
            .Should().Throw<GramException>().WithMessage("*is the model that the run starts from*");

        Directory.GetFiles(Run).Should().ContainSingle();
    }

    [Fact]
    public void SaveCheckpoint_HoldsStateHistoryAndWhatFillWrote()
    {
        using var run = RunDirectory.Open(Run);
        run.Log(3, new Dictionary<string, double> { ["loss"] = 0.25 });

        run.SaveCheckpoint(3, new JsonObject { ["max_steps"] = 9 }, checkpoint => File.WriteAllText(Path.Combine(checkpoint, "weights"), "w"));

        var latest = RunDirectory.LatestCheckpoint(Run)!;
        Path.GetFileName(latest).Should().Be("checkpoint-3");
        File.ReadAllText(Path.Combine(latest, "weights")).Should().Be("w");
        var state = RunDirectory.ReadState(latest);
        ((int)state["global_step"]!).Should().Be(3);
        ((int)state["max_steps"]!).Should().Be(9);
        ((double)state["log_history"]![0]!["loss"]!).Should().Be(0.25);
        File.Exists(Path.Combine(Run, "trainer_state.json")).Should().BeTrue();
    }

    [Fact]
    public void SaveCheckpoint_BeyondTheLimit_DeletesTheOldest()
    {
        using var run = RunDirectory.Open(Run);
        foreach (var step in new[] { 8, 9, 10, 11 }) run.SaveCheckpoint(step, [], _ => { }, saveTotalLimit: 2);

        Directory.GetDirectories(Run).Select(Path.GetFileName).Should().BeEquivalentTo("checkpoint-10", "checkpoint-11");
    }

    [Theory]
    [InlineData(2, new[] { 8, 11 })]
    [InlineData(1, new[] { 8, 11 })]
    public void SaveCheckpoint_BeyondTheLimit_KeepsTheNewestAndTheOneToKeep(int limit, int[] left)
    {
        using var run = RunDirectory.Open(Run);
        foreach (var step in new[] { 7, 8, 9, 10, 11 }) run.SaveCheckpoint(step, [], _ => { }, limit, keptStep: 8);

        Directory.GetDirectories(Run).Select(Path.GetFileName).Should().BeEquivalentTo(left.Select(step => $"checkpoint-{step}"));
    }

    [Fact]
    public void SaveCheckpoint_FillFails_LeavesNothingHalfWritten()
    {
        using var run = RunDirectory.Open(Run);
        run.SaveCheckpoint(1, [], _ => { });

        run.Invoking(r => r.SaveCheckpoint(2, [], _ => throw new InvalidOperationException())).Should().Throw<InvalidOperationException>();

        Directory.GetDirectories(Run).Select(Path.GetFileName).Should().Equal("checkpoint-1");
    }

    [SkippableFact]
    public void SaveCheckpoint_DiskFull_StopsTheRunAndNamesTheLastGoodCheckpoint()
    {
        Skip.IfNot(File.Exists("/dev/full"), "needs /dev/full");
        using var run = RunDirectory.Open(Run);
        run.SaveCheckpoint(1, [], _ => { });

        run.Invoking(r => r.SaveCheckpoint(2, [], path => AtomicFile.Write(Path.Combine(path, "weights"), _ =>
            {
                using var full = new FileStream("/dev/full", FileMode.Open, FileAccess.Write, FileShare.None, bufferSize: 0);
                full.WriteByte(1);
            })))
            .Should().Throw<RunStoppedException>().WithMessage("*disk is full*checkpoint-1*");
    }

    [Fact]
    public void LatestCheckpoint_IgnoresUnfinishedOnes()
    {
        using (var run = RunDirectory.Open(Run)) run.SaveCheckpoint(5, [], _ => { });
        Directory.CreateDirectory(Path.Combine(Run, "checkpoint-7"));
        Directory.CreateDirectory(Path.Combine(Run, "checkpoint-9.123.tmp"));
        File.WriteAllText(Path.Combine(Run, "checkpoint-9.123.tmp", "trainer_state.json"), "{}");

        Path.GetFileName(RunDirectory.LatestCheckpoint(Run)).Should().Be("checkpoint-5");
        RunDirectory.LatestCheckpoint(directory.File("absent")).Should().BeNull();
    }

    [Fact]
    public void Open_AfterAKill_RemovesWhatWasHalfWrittenAndNothingElse()
    {
        using (var run = RunDirectory.Open(Run)) run.SaveCheckpoint(5, [], _ => { });
        Directory.CreateDirectory(Path.Combine(Run, "checkpoint-9.123.tmp", "inner"));
        foreach (var file in new[] { "model.safetensors.123.tmp", "notes.tmp" }) File.WriteAllText(Path.Combine(Run, file), "x");

        RunDirectory.Open(Run, Path.Combine(Run, "checkpoint-5"), overwrite: false).Dispose();

        Directory.GetFileSystemEntries(Run, "*.tmp").Select(Path.GetFileName).Should().Equal("notes.tmp");
    }

    [Fact]
    public void Open_Resuming_TruncatesTheLogToTheStepAndKeepsHistory()
    {
        using (var run = RunDirectory.Open(Run))
        {
            for (var step = 1; step <= 4; step++)
            {
                run.Log(step, new Dictionary<string, double> { ["loss"] = step });
                run.SaveCheckpoint(step, [], _ => { });
            }
        }
        File.AppendAllText(Path.Combine(Run, "trainer_log.jsonl"), """{"step":5,"lo""");

        using (var run = RunDirectory.Open(Run, Path.Combine(Run, "checkpoint-2"), overwrite: false))
        {
            run.KeptStep.Should().Be(2);
            Path.GetFileName(RunDirectory.LatestCheckpoint(Run)).Should().Be("checkpoint-2");
            run.Log(3, new Dictionary<string, double> { ["loss"] = 30 });
            run.SaveCheckpoint(3, [], _ => { });
        }

        Lines().Should().Equal("""{"step":1,"loss":1}""", """{"step":2,"loss":2}""", """{"step":3,"loss":30}""");
        RunDirectory.ReadState(RunDirectory.LatestCheckpoint(Run)!)["log_history"]!.AsArray().Should().HaveCount(3);
    }

    [Fact]
    public void Open_NewRunInTheFolderOfAnother_StartsAnew()
    {
        using (var run = RunDirectory.Open(Run))
        {
            run.Log(1, new Dictionary<string, double>());
            run.SaveCheckpoint(1, [], _ => { });
        }

        using (RunDirectory.Open(Run)) { }

        Lines().Should().BeEmpty();
        RunDirectory.LatestCheckpoint(Run).Should().BeNull();
        Directory.GetFiles(Run, "events.out.tfevents.*").Should().ContainSingle();
    }

    [Fact]
    public void Open_NewRunInTheFolderOfAFinishedOne_RemovesItsModel()
    {
        string[] files = ["config.json", "model.safetensors", "gram_config.json", "value_model/model.safetensors", "data.json"];
        using (var run = RunDirectory.Open(Run))
        {
            run.SaveFinal(1, [], path =>
            {
                foreach (var file in files) AtomicFile.WriteText(Path.Combine(path, file), "");
            });
        }
        RunDirectory.IsFinished(Run).Should().BeTrue();

        using (RunDirectory.Open(Run)) { }

        RunDirectory.IsFinished(Run).Should().BeFalse();
        files.Where(file => File.Exists(Path.Combine(Run, file))).Should().Equal("data.json");
    }

    [Fact]
    public void Open_FolderWithoutARun_KeepsWhatIsThere()
    {
        AtomicFile.WriteText(Path.Combine(Run, "model.safetensors"), "a model that no run made");

        using (RunDirectory.Open(Run)) { }

        File.Exists(Path.Combine(Run, "model.safetensors")).Should().BeTrue();
    }

    [Fact]
    public void Open_FromACheckpointOfAnotherFolder_ReplacesTheRunOnlyWhereItMay()
    {
        var elsewhere = directory.File("elsewhere");
        using (var run = RunDirectory.Open(elsewhere)) run.SaveCheckpoint(3, [], _ => { });
        using (var run = RunDirectory.Open(Run))
        {
            run.Log(1, new Dictionary<string, double>());
            run.SaveCheckpoint(1, [], _ => { });
        }
        var checkpoint = Path.Combine(elsewhere, "checkpoint-3");

        FluentActions.Invoking(() => RunDirectory.Open(Run, checkpoint, overwrite: false)).Should().Throw<GramException>().WithMessage("*overwrite_output_dir*");
        Lines().Should().ContainSingle();

        using (RunDirectory.Open(Run, checkpoint, overwrite: true)) { }
        Lines().Should().BeEmpty("those steps are another run's");
        RunDirectory.LatestCheckpoint(Run).Should().BeNull();
        Directory.Exists(checkpoint).Should().BeTrue();
    }

    /// <summary>Fails where a link makes one folder look like two: the run would delete the checkpoint that it goes on from, or its model.</summary>
    [Fact]
    public void Open_UnderAnotherName_IsTheSameFolder()
    {
        using (var run = RunDirectory.Open(Run)) run.SaveCheckpoint(4, [], _ => { });
        var (link, checkpoint) = (directory.File("link"), Path.Combine(Run, "checkpoint-4"));
        Directory.CreateSymbolicLink(link, directory.Path);

        using (var run = RunDirectory.Open(Path.Combine(link, "run"), checkpoint, overwrite: true)) run.KeptStep.Should().Be(4);

        Directory.Exists(checkpoint).Should().BeTrue();
        FluentActions.Invoking(() => RunDirectory.Open(Path.Combine(link, "run"), model: Run)).Should().Throw<GramException>().WithMessage("*is the model that the run starts from*");
    }

    [Fact]
    public void Open_FolderOfAnotherRunNotToBeReplaced_SaysWhatToDo()
    {
        using (var run = RunDirectory.Open(Run)) run.SaveCheckpoint(1, [], _ => { });

        FluentActions.Invoking(() => RunDirectory.Open(Run, overwrite: false)).Should().Throw<GramException>().WithMessage("*overwrite_output_dir*");
        RunDirectory.LatestCheckpoint(Run).Should().NotBeNull();
    }

    [Fact]
    public void Open_WhereNothingCanBeWritten_IsOneLine()
    {
        var file = directory.File("file");
        File.WriteAllText(file, "");

        FluentActions.Invoking(() => RunDirectory.Open(Path.Combine(file, "run"))).Should().Throw<GramException>().Which.Message.Should().Contain(file).And.NotContain("\n");
    }

    [Theory]
    [InlineData(null, false)]
    [InlineData("", false)]
    [InlineData("false", false)]
    [InlineData("False", false)]
    [InlineData("true", true)]
    [InlineData("saves/ppo/checkpoint-4", true)]
    public void Resumes_AnythingButNothingAndFalse(string? value, bool expected) => RunDirectory.Resumes(value).Should().Be(expected);

    [Fact]
    public void ResumeFrom_TrueDirectoryOrNothing()
    {
        RunDirectory.ResumeFrom("true", Run).Should().BeNull("there is none yet");
        using (var run = RunDirectory.Open(Run)) run.SaveCheckpoint(4, [], _ => { });
        var checkpoint = Path.Combine(Run, "checkpoint-4");

        RunDirectory.ResumeFrom("true", Run).Should().Be(checkpoint);
        RunDirectory.ResumeFrom(checkpoint, "elsewhere").Should().Be(checkpoint);
        RunDirectory.ResumeFrom("false", Run).Should().BeNull();
        RunDirectory.ResumeFrom(null, Run).Should().BeNull();
        FluentActions.Invoking(() => RunDirectory.ResumeFrom(directory.Path, Run)).Should().Throw<GramException>().WithMessage("*resume_from_checkpoint*");
    }

    [Theory]
    [InlineData("""{"global_step": "two"}""")]
    [InlineData("""{"global_step": 2.5}""")]
    [InlineData("{}")]
    public void GlobalStep_OfAStateWithoutOne_IsOneLine(string state)
    {
        File.WriteAllText(directory.File("trainer_state.json"), state);

        FluentActions.Invoking(() => RunDirectory.GlobalStep(directory.Path)).Should().Throw<GramException>().WithMessage("*has no global_step; name another checkpoint");
    }

    private string[] Lines()
    {
        using var file = new StreamReader(new FileStream(Path.Combine(Run, "trainer_log.jsonl"), FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return file.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
