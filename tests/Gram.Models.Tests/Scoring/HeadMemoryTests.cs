using Gram.Models.Native;
using Gram.Models.Scoring;
using static TorchSharp.torch;

namespace Gram.Models.Tests.Scoring;

/// <summary>Alone in the process: what another test takes would be measured too.</summary>
[Collection(nameof(HeadMemoryTests)), CollectionDefinition(nameof(HeadMemoryTests), DisableParallelization = true)]
public sealed class HeadMemoryTests
{
    private const int Tokens = 2048, Vocabulary = 65_536;
    private const double AllLogits = 4.0 * Tokens * Vocabulary; // 537 MB in float32

    [SkippableFact]
    public void Backward_OfLogProbsAndEntropies_HoldsAFractionOfTheLogits()
    {
        Skip.IfNot(ResidentMemory.IsKnown, "only Linux tells a process's peak");
        using var scope = NewDisposeScope();
        var (hidden, weight, targets) = (randn(Tokens, 4).requires_grad_(), randn(Vocabulary, 4).requires_grad_(), randint(0, Vocabulary, Tokens));

        var rise = MemoryRise.MostOf(() =>
        {
            HeadLogProbs.Of(hidden, weight, targets, 0.7, EntropyUse.WithGradient).sum().backward();
            KeptLogits.Of(hidden, weight, targets.unsqueeze(1)).sum().backward();
        });

        rise.Should().BeLessThan(AllLogits / 6);
        MemoryRise.MostOf(() => nn.functional.linear(hidden, weight)).Should().BeGreaterThan(0.9 * AllLogits, "this is how the logits themselves would show");
    }
}
