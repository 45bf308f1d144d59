using Gram.Models.Native;
using TorchSharp;

namespace Gram.Models.Tests.Native;

public sealed class LibtorchTests
{
    [Fact]
    public void Load_ApplicationFolder_GivesTheRequiredVersionOnce()
    {
        var engine = Libtorch.Load();

        engine.Version.Should().StartWith(Libtorch.RequiredVersion);
        engine.Directory.Should().NotBeEmpty();
        Libtorch.Load().Should().Be(engine);
        torch.ones(2).sum().item<float>().Should().Be(2);
    }

    [Fact]
    public void Find_FolderThatDoesNotExist_SaysSoInOneLine()
    {
        var find = () => LibtorchFolder.Find("/no/such/folder", []);

        find.Should().Throw<GramException>().Which.Message.Should().Contain("/no/such/folder").And.Contain("--libtorch").And.NotContain("\n");
    }

    [Fact]
    public void Find_FolderWithoutLibtorch_NamesTheMissingFile()
    {
        using var folder = new TemporaryDirectory();
        var find = () => LibtorchFolder.Find(folder.Path, []);

        find.Should().Throw<GramException>().Which.Message.Should().Contain(folder.Path).And.Contain(LibtorchFolder.FileName("torch_cpu"));
    }

    [Fact]
    public void Find_PyTorchsOwnFolder_TakesItsLib()
    {
        using var folder = new TemporaryDirectory();
        var lib = Directory.CreateDirectory(folder.File("lib")).FullName;
        File.WriteAllText(Path.Combine(lib, LibtorchFolder.FileName("torch_cpu")), "");

        LibtorchFolder.Find(folder.Path, []).Should().Be(lib);
    }

    [Fact]
    public void Find_NothingRequested_TakesTheFirstOwnFolderThatHasIt()
    {
        using var empty = new TemporaryDirectory();
        using var full = new TemporaryDirectory();
        File.WriteAllText(full.File(LibtorchFolder.FileName("torch_cpu")), "");

        LibtorchFolder.Find(null, [empty.Path, full.Path]).Should().Be(full.Path);
        var none = () => LibtorchFolder.Find(null, [empty.Path]);
        none.Should().Throw<GramException>().WithMessage("*is in none of*");
    }

    [Fact]
    public void VersionText_AbiVersion_IsThreeBytesFromTheTop() => Libtorch.VersionText(0x020A_0100_0000_0000).Should().Be("2.10.1");
}
