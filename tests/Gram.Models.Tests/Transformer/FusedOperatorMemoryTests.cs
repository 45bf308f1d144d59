using Gram.Models.Kernels;
using Gram.Models.Native;
using Gram.Models.Transformer;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Tests.Transformer;

/// <summary>Alone in the process: what another test takes would be measured too.</summary>
[Collection(nameof(FusedOperatorMemoryTests)), CollectionDefinition(nameof(FusedOperatorMemoryTests), DisableParallelization = true)]
public sealed class FusedOperatorMemoryTests
{
    [SkippableFact]
    public void ForwardAndBackward_AgainAndAgain_HoldNothing()
    {
        Skip.IfNot(ResidentMemory.IsKnown, "only Linux tells a process's memory");
        const int Steps = 60;
        var shape = new AttentionShape(2, 128, 4, 2, 64);
        using var table = new RotaryTable(TinyModels.Config("llama", 1) with { HeadDim = 64 });
        using var outer = NewDisposeScope();
        var (q, k, v, weight) = (randn(2, 128, 256).requires_grad_(), randn(2, 128, 128).requires_grad_(), randn(2, 128, 128).requires_grad_(), randn(256).requires_grad_());
        for (var i = 0; i < 10; i++) Step();
        var before = ResidentMemory.Now();

        for (var i = 0; i < Steps; i++) Step();

        // Each step makes some 2 MB.
        (ResidentMemory.Now() - before).Should().BeLessThan(Steps * 2_000_000L / 8);

        void Step()
        {
            using var scope = NewDisposeScope();
            var attended = CausalAttention.Of(q, k, v, shape, table);
            GatedActivation.Of(new RmsNorm(weight, 1e-5).Forward(q), attended).sum().backward();
            foreach (var parameter in new[] { q, k, v, weight }) parameter.grad = null;
        }
    }

    [SkippableFact]
    public void Backward_OfManyOperators_HoldsNoMoreThanTheForward()
    {
        Skip.IfNot(ResidentMemory.IsKnown, "only Linux tells a process's memory");
        using var outer = NewDisposeScope();
        var (first, up) = (randn(1 << 21).requires_grad_(), randn(1 << 21)); // 8 MB
        Backward();
        first.grad = null;

        var forward = MemoryRise.MostOf(() => Chain().Dispose());
        var both = MemoryRise.MostOf(Backward);

        both.Should().BeLessThan(1.9 * forward); // what each operator gave or was given would make it three and more

        Tensor Chain()
        {
            using var scope = NewDisposeScope();
            var x = first;
            for (var i = 0; i < 24; i++) x = GatedActivation.Of(x, up);
            return x.sum().MoveToOuterDisposeScope();
        }

        void Backward()
        {
            using var scope = NewDisposeScope();
            Chain().backward();
        }
    }
}
