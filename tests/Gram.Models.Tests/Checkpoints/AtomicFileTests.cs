using Gram.Models.Checkpoints;

namespace Gram.Models.Tests.Checkpoints;

public sealed class AtomicFileTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void WriteText_NewFolder_IsMade()
    {
        AtomicFile.WriteText(directory.File("a/b.txt"), "héllo");
        File.ReadAllBytes(directory.File("a/b.txt")).Should().Equal("héllo"u8.ToArray());
    }

    [Fact]
    public void Write_Fails_LeavesTheOldFileAndNothingElse()
    {
        AtomicFile.WriteText(directory.File("a.txt"), "old");

        FluentActions.Invoking(() => AtomicFile.Write(directory.File("a.txt"), stream =>
        {
            stream.Write("half"u8);
            throw new InvalidOperationException("stopped");
        })).Should().Throw<InvalidOperationException>();

        File.ReadAllText(directory.File("a.txt")).Should().Be("old");
        Directory.GetFileSystemEntries(directory.Path).Should().ContainSingle();
    }

    [Fact]
    public void Write_NotPossible_NamesThePathInOneLine()
    {
        AtomicFile.WriteText(directory.File("file"), "in the way");
        FluentActions.Invoking(() => AtomicFile.WriteText(directory.File("file/a.txt"), "x"))
            .Should().Throw<GramException>().WithMessage("*file/a.txt cannot be written*").Which.Message.Should().NotContain("\n");
    }

    [SkippableFact]
    public void Write_DiskFull_IsTheSystemsOwnError()
    {
        Skip.IfNot(File.Exists("/dev/full"), "needs /dev/full");

        FluentActions.Invoking(() => AtomicFile.WriteDirectory(directory.File("run"), path => AtomicFile.Write(Path.Combine(path, "a"), _ =>
            {
                using var full = new FileStream("/dev/full", FileMode.Open, FileAccess.Write, FileShare.None, bufferSize: 0);
                full.WriteByte(1);
            })))
            .Should().Throw<IOException>().Which.Should().Match<IOException>(error => AtomicFile.IsDiskFull(error));
        Directory.GetFileSystemEntries(directory.Path).Should().BeEmpty();
    }

    [Fact]
    public void WriteDirectory_Existing_IsReplacedWhole()
    {
        AtomicFile.WriteDirectory(directory.File("run"), path => File.WriteAllText(Path.Combine(path, "old"), ""));
        AtomicFile.WriteDirectory(directory.File("run"), path => File.WriteAllText(Path.Combine(path, "new"), ""));

        Directory.GetFiles(directory.File("run")).Select(Path.GetFileName).Should().Equal("new");
        Directory.GetFileSystemEntries(directory.Path).Should().ContainSingle();
    }

    [Fact]
    public void WriteDirectory_AfterAKillBetweenItsRenames_FindsTheOldOneAgain()
    {
        Directory.CreateDirectory(directory.File("run.123.old"));
        File.WriteAllText(directory.File("run.123.old/old"), "");

        FluentActions.Invoking(() => AtomicFile.WriteDirectory(directory.File("run"), _ => throw new InvalidOperationException("stop"))).Should().Throw<InvalidOperationException>();

        Directory.GetFiles(directory.File("run")).Select(Path.GetFileName).Should().Equal("old");
    }

    [Fact]
    public void WriteDirectory_Fails_LeavesTheOldOne()
    {
        AtomicFile.WriteDirectory(directory.File("run"), path => File.WriteAllText(Path.Combine(path, "old"), ""));

        FluentActions.Invoking(() => AtomicFile.WriteDirectory(directory.File("run"), path =>
        {
            File.WriteAllText(Path.Combine(path, "new"), "");
            throw new IOException("disk full");
        })).Should().Throw<GramException>().WithMessage("*run cannot be written: disk full");

        Directory.GetFiles(directory.File("run")).Select(Path.GetFileName).Should().Equal("old");
        Directory.GetFileSystemEntries(directory.Path).Should().ContainSingle();
    }
}
