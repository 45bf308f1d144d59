using Gram.Models.Checkpoints.Hub;

namespace Gram.Models.Tests.Checkpoints.Hub;

public sealed class HubSettingsTests : IDisposable
{
    private readonly TemporaryDirectory folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void CacheDirectory_NothingSet_IsInTheUsersCache() =>
        Read([("XDG_CACHE_HOME", null)]).CacheDirectory.Should().Be(Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "huggingface", "hub"));

    // Each line wins over those before it, as in huggingface_hub.
    [Fact]
    public void CacheDirectory_SeveralSet_TheMostExactWins()
    {
        (string, string?)[] xdg = [("XDG_CACHE_HOME", "/xdg")], home = [.. xdg, ("HF_HOME", "/home")], legacy = [.. home, ("HUGGINGFACE_HUB_CACHE", "/legacy")];

        Read(xdg).CacheDirectory.Should().Be("/xdg/huggingface/hub");
        Read(home).CacheDirectory.Should().Be("/home/hub");
        Read(legacy).CacheDirectory.Should().Be("/legacy");
        Read([.. legacy, ("HF_HUB_CACHE", "/cache")]).CacheDirectory.Should().Be("/cache");
        Read([.. home, ("HF_HUB_CACHE", "")]).CacheDirectory.Should().Be("/home/hub", "an empty variable is none");
    }

    [Fact]
    public void CacheDirectory_TildeAndVariables_AreExpanded()
    {
        Read([("HF_HOME", "~/hf")]).CacheDirectory.Should().Be(Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), "hf", "hub"));
        Read([("HF_HOME", "$DISK/${USER}/hf"), ("DISK", "/disk"), ("USER", "me")]).CacheDirectory.Should().Be("/disk/me/hf/hub");
    }

    [Fact]
    public void Token_OfVariableOrFile_IsTrimmed()
    {
        File.WriteAllText(folder.File("token"), "of-home\n");
        File.WriteAllText(folder.File("other"), " of-path ");
        (string, string?)[] home = [("HF_HOME", folder.Path)], path = [.. home, ("HF_TOKEN_PATH", folder.File("other"))];

        Read(home).Token.Should().Be("of-home");
        Read(path).Token.Should().Be("of-path");
        Read([.. path, ("HF_TOKEN", "of-variable\n")]).Token.Should().Be("of-variable");
        Read([("HF_HOME", folder.File("nowhere"))]).Token.Should().BeNull();
    }

    [Theory]
    [InlineData("1", true)]
    [InlineData("true", true)]
    [InlineData("ON", true)]
    [InlineData("0", false)]
    [InlineData(null, false)]
    public void IsOffline_Variable_IsReadAsHuggingFaceDoes(string? value, bool offline)
    {
        Read([("HF_HUB_OFFLINE", value)]).IsOffline.Should().Be(offline);
        Read([("TRANSFORMERS_OFFLINE", value)]).IsOffline.Should().Be(offline);
    }

    [Theory]
    [InlineData(null, "https://huggingface.co/")]
    [InlineData("https://mirror.example/hub/", "https://mirror.example/hub/")]
    [InlineData("http://localhost:8080", "http://localhost:8080/")]
    public void Endpoint_Variable_EndsInASlash(string? value, string endpoint) => Read([("HF_ENDPOINT", value)]).Endpoint.Should().Be(new Uri(endpoint));

    [Fact]
    public void Endpoint_NoAddress_SaysSo() =>
        FluentActions.Invoking(() => Read([("HF_ENDPOINT", "mirror.example")])).Should().Throw<GramException>().WithMessage("HF_ENDPOINT is 'mirror.example'*");

    private static HubSettings Read(IEnumerable<(string Name, string? Value)> variables)
    {
        var all = variables.ToDictionary(variable => variable.Name, variable => variable.Value);
        return HubSettings.FromEnvironment(name => all.GetValueOrDefault(name));
    }
}
