using Gram.Models.Checkpoints;
using Gram.Pipes.Events;
using Gram.Training.Runs;

namespace Gram.Training.Tests.Runs;

public sealed class BackgroundCheckpointsTests : IDisposable
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(30);

    private readonly TemporaryDirectory folder = new();
    private readonly List<Notice> notices = [];
    private readonly RunDirectory run;
    private readonly BackgroundCheckpoints checkpoints;

    public BackgroundCheckpointsTests()
    {
        run = RunDirectory.Open(folder.File("run"));
        var broker = new EventBroker<Notice>();
        broker.Subscribe(notices.Add);
        checkpoints = new(run, broker);
    }

    public void Dispose()
    {
        run.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void Begin_WhileOneIsWritten_LetsTheRunGoOnAndShowsNothingHalfWritten()
    {
        using var release = new ManualResetEventSlim();
        var copy = new Copy();

        checkpoints.Begin(3, [], copy, path =>
        {
            File.WriteAllText(Path.Combine(path, "weights"), "w");
            release.Wait(Long);
        }, null);

        // The run goes on, and logs later steps, which are not this checkpoint's.
        run.Log(4, new Dictionary<string, double> { ["loss"] = 1 });
        checkpoints.Look();
        RunDirectory.LatestCheckpoint(run.Path).Should().BeNull();
        copy.IsDisposed.Should().BeFalse();
        release.Set();
        checkpoints.Finish();
        RunDirectory.LatestCheckpoint(run.Path).Should().EndWith("checkpoint-3");
        RunDirectory.ReadState(run.CheckpointOf(3))["log_history"]!.AsArray().Should().BeEmpty();
        copy.IsDisposed.Should().BeTrue();
        notices.Should().BeEmpty();
    }

    [Fact]
    public void Begin_Another_WaitsForTheOneBeforeAndKeepsTheLimit()
    {
        var writing = 0;
        foreach (var step in new[] { 1, 2, 3 })
        {
            checkpoints.Begin(step, [], new Copy(), _ =>
            {
                Interlocked.Increment(ref writing).Should().Be(1, "one is written at a time");
                Thread.Sleep(20);
                Interlocked.Decrement(ref writing);
            }, saveTotalLimit: 2);
        }
        checkpoints.Finish();

        Directory.GetDirectories(run.Path).Select(Path.GetFileName).Should().BeEquivalentTo("checkpoint-2", "checkpoint-3");
    }

    [Fact]
    public void Begin_DiskFull_WarnsOnceAndKeepsTheLastGoodCheckpoint()
    {
        checkpoints.Begin(1, [], new Copy(), _ => { }, saveTotalLimit: 1);
        foreach (var step in new[] { 2, 3 })
        {
            checkpoints.Begin(step, [], new Copy(), path => AtomicFile.Write(Path.Combine(path, "weights"), _ => throw new IOException("No space left on device", 28)), saveTotalLimit: 1);
            checkpoints.Finish();
        }

        notices.Should().ContainSingle().Which.Should().Match<Notice>(notice => notice.IsWarning)
            .And.Subject.As<Notice>().Text.Should().Match("the checkpoint of step 2 was not written, and the run goes on: *the disk is full; the last good checkpoint is *checkpoint-1*");
        Directory.GetDirectories(run.Path).Select(Path.GetFileName).Should().Equal("checkpoint-1");
        checkpoints.Begin(4, [], new Copy(), _ => { }, saveTotalLimit: 1);
        checkpoints.Finish();
        RunDirectory.LatestCheckpoint(run.Path).Should().EndWith("checkpoint-4", "there is room again");
    }

    [Fact]
    public void Finish_AfterABug_ThrowsIt()
    {
        var copy = new Copy();
        checkpoints.Begin(1, [], copy, _ => throw new InvalidOperationException("a bug"), null);

        checkpoints.Invoking(each => each.Finish()).Should().Throw<InvalidOperationException>().WithMessage("a bug");
        copy.IsDisposed.Should().BeTrue();
    }

    private sealed class Copy : IDisposable
    {
        public bool IsDisposed { get; private set; }

        public void Dispose() => IsDisposed = true;
    }
}
