using Gram.Models.Checkpoints.Hub;

namespace Gram.Models.Tests.Checkpoints.Hub;

public sealed class HubIdTests
{
    [Theory]
    [InlineData("Qwen/Qwen3-0.6B", "Qwen/Qwen3-0.6B", "main")]
    [InlineData("gpt2", "gpt2", "main")]
    [InlineData("org/name@v1.0", "org/name", "v1.0")]
    [InlineData("org/name@refs/pr/1", "org/name", "refs/pr/1")]
    [InlineData("a_b/C.d-e_f", "a_b/C.d-e_f", "main")]
    public void TryParse_Id_IsRepositoryAndRevision(string text, string repository, string revision) =>
        HubId.TryParse(text).Should().Be(new HubId(repository, revision));

    [Theory]
    [InlineData("")]
    [InlineData("/models/qwen")]
    [InlineData("./qwen")]
    [InlineData("../qwen")]
    [InlineData("runs/judge/checkpoint-3")]
    [InlineData("runs/judge/")]
    [InlineData("C:\\models\\qwen")]
    [InlineData("org/my model")]
    [InlineData("org/a--b")]
    [InlineData("org/a..b")]
    [InlineData("org/name.git")]
    [InlineData("org/-name")]
    [InlineData("org/name@")]
    [InlineData("org/name@../../x")]
    [InlineData("org/name@/x")]
    [InlineData("org/name@a//b")]
    [InlineData("org/name@.hidden")]
    public void TryParse_WhatCanOnlyBeAPath_IsNull(string text) => HubId.TryParse(text).Should().BeNull();

    [Fact]
    public void TryParse_TooLongName_IsNull() => HubId.TryParse(new string('a', 97)).Should().BeNull();

    [Fact]
    public void ToString_MainRevision_IsTheNameAlone()
    {
        new HubId("org/name", "main").ToString().Should().Be("org/name");
        new HubId("org/name", "v1").ToString().Should().Be("org/name@v1");
    }
}
