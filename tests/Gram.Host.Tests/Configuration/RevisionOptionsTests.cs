using Gram.Host.Commands;
using Gram.Host.Configuration;

namespace Gram.Host.Tests.Configuration;

public sealed class RevisionOptionsTests
{
    [Theory]
    [InlineData("org/name", "v1", "org/name@v1")]
    [InlineData("org/name@v2", "v1", "org/name@v2")] // the name's own is nearer
    [InlineData("org/name", null, "org/name")]
    [InlineData("demo", "v1", "demo")]
    [InlineData("/", "v1", "/")] // a directory has none
    public void Settle_Revision_BecomesAPartOfAHubId(string name, string? revision, string settled)
    {
        var command = CommandTable.All.Single(command => command.Name == "bench");
        string[] words = ["--model", name, .. revision is null ? Array.Empty<string>() : ["--model_revision", revision]];
        var settings = new Settings(command.Schema, CommandArguments.Parse(words, command.Schema));

        RevisionOptions.Settle(settings);

        settings.Get<BenchOptions>().ModelNameOrPath.Should().Be(settled);
    }

    [Fact]
    public void Settle_WithoutAModelOfTheUsers_KeepsTheDefault()
    {
        var command = CommandTable.All.Single(command => command.Name == "bench");
        var settings = new Settings(command.Schema, CommandArguments.Parse(["--model_revision", "v1"], command.Schema));

        RevisionOptions.Settle(settings);

        settings.Get<BenchOptions>().ModelNameOrPath.Should().Be(DemoName.Text);
    }
}
