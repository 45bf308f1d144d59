using Gram.Models.Transformer;
using Gram.Reward.Judging;
using static TorchSharp.torch;

namespace Gram.Reward.Tests.Judging;

public sealed class JudgeFingerprintTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public JudgeFingerprintTests()
    {
        Directory.CreateDirectory(directory.File("judge"));
        foreach (var name in (string[])["weights", "judge/tokenizer_config.json", "judge/generation_config.json"]) File.WriteAllText(directory.File(name), "one");
        File.CreateSymbolicLink(directory.File("judge/model.safetensors"), directory.File("weights"));
    }

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Of_TheSameJudge_IsTheSame() => Fingerprint().Should().Be(Fingerprint()).And.HaveLength(16);

    [Theory]
    [InlineData("weights", "where a link leads")]
    [InlineData("judge/tokenizer_config.json", "the chat template may be in it")]
    public void Of_AnotherFileInItsPlace_IsAnother(string name, string because)
    {
        var before = Fingerprint();

        File.WriteAllText(directory.File(name), "three");

        Fingerprint().Should().NotBe(before, because);
    }

    [Fact]
    public void Of_WhatScoresDoNotDependOn_IsTheSame()
    {
        var before = Fingerprint();

        File.WriteAllText(directory.File("judge/generation_config.json"), "three");

        Fingerprint().Should().Be(before);
    }

    [Fact]
    public void Of_AnotherPromptOrDType_IsAnother()
    {
        Fingerprint(GramConfig.Published with { Prompt = "{answer_a}{answer_b}" }).Should().NotBe(Fingerprint());
        JudgeFingerprint.Of(new ModelLocation(directory.File("judge")), GramConfig.Published, ScalarType.BFloat16, quantize: false).Should().NotBe(Fingerprint());
        JudgeFingerprint.Of(new ModelLocation(directory.File("judge")), GramConfig.Published, ScalarType.Float32, quantize: true).Should().NotBe(Fingerprint());
    }

    private string Fingerprint(GramConfig? config = null) => JudgeFingerprint.Of(new ModelLocation(directory.File("judge")), config ?? GramConfig.Published, ScalarType.Float32, quantize: false);
}
