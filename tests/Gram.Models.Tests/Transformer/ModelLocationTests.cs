using Gram.Models.Transformer;
using Gram.Models.Transformer.Lora;

namespace Gram.Models.Tests.Transformer;

public sealed class ModelLocationTests : IDisposable
{
    private readonly TemporaryDirectory folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Of_WholeModel_IsItsDirectory() => ModelLocation.Of(Model()).Should().Be(new ModelLocation(Model()));

    [Fact]
    public void Of_Adapter_StandsForTheBaseThatItNames() => ModelLocation.Of(Adapter()).Should().Be(new ModelLocation(Model(), Adapter()));

    [Fact]
    public void Of_AdapterOverAnAdapter_IsRefused()
    {
        var locate = () => ModelLocation.Of(Adapter(), Adapter());

        locate.Should().Throw<GramException>().WithMessage($"{Adapter()} is an adapter itself*");
    }

    [Fact]
    public void FolderOf_File_IsTheAdaptersWhereItHasIt()
    {
        var location = ModelLocation.Of(Model(), Adapter());
        File.WriteAllText(Path.Combine(Model(), "tokenizer.json"), "");

        location.FolderOf("tokenizer.json").Should().Be(Model());
        File.WriteAllText(Path.Combine(Adapter(), "tokenizer.json"), "");
        location.FolderOf("tokenizer.json").Should().Be(Adapter());
    }

    [Theory]
    [InlineData("org/base", null, "org/base")]
    [InlineData("org/base", "v2", "org/base@v2")]
    public void BaseName_OfAHubId_CarriesTheRevision(string name, string? revision, string expected) =>
        new LoraConfig { BaseModelNameOrPath = name, Revision = revision }.BaseName.Should().Be(expected);

    private string Model() => Directory.CreateDirectory(folder.File("model")).FullName;

    private string Adapter()
    {
        var directory = Directory.CreateDirectory(folder.File("adapter")).FullName;
        File.WriteAllText(Path.Combine(directory, LoraConfig.FileName), new LoraConfig { BaseModelNameOrPath = Model() }.ToJson().ToJsonString());
        return directory;
    }
}
