using Gram.Models.Checkpoints;
using Gram.Ppo.Mathematics;
using Gram.Ppo.Tests.Support;
using TorchSharp;
using static Gram.Ppo.Tests.Support.TensorAssertions;
using static TorchSharp.torch;

namespace Gram.Ppo.Tests.Mathematics;

public sealed class WhiteningTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    /// <summary>Fails where mean or variance forget the mask.</summary>
    [Fact]
    public void Whiten_ThreeValues_UsesBesselsVariance()
    {
        // 1, 2, 3: mean 2, variance 2/2 = 1. The fourth stands outside the mask.
        Whitening.Whiten(Floats([1, 2], [3, 1000]), Mask([1, 1], [1, 0])).ShouldBeNear(Floats([-1, 0], [1, 0]), 1e-6);
    }

    [Fact]
    public void Whiten_MeanKept_OnlyScales()
    {
        // 0, 4: mean 2, variance 8, so 2 ± 2/√8 = 2 ± 0.70711.
        Whitening.Whiten(Floats([0, 4]), Mask([1, 1]), shiftMean: false).ShouldBeNear(Floats([1.2928932f, 2.7071068f]), 1e-6);
    }

    [Fact]
    public void Whiten_OneValidToken_LeavesItAsItIs() =>
        Whitening.Whiten(Floats([0.3f, 9]), Mask([1, 0])).ShouldBeNear(Floats([0.3f, 0]), 0);

    [Fact]
    public void Whiten_NoVariance_LeavesValuesAsTheyAre() =>
        Whitening.Whiten(Floats([0.25f, 0.25f, 9]), Mask([1, 1, 0])).ShouldBeNear(Floats([0.25f, 0.25f, 0]), 0);

    [Theory]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(100)]
    [InlineData(1023)]
    public void Whiten_NoVarianceInNumbersThatRound_LeavesValuesAsTheyAre(int length)
    {
        var values = full([1, length], 0.3f); // whose float32 sum rounds
        Whitening.Whiten(values, ones_like(values, dtype: ScalarType.Bool)).ShouldBeNear(values, 0);
    }

    [Fact]
    public void Whiten_NoValidToken_IsZero() =>
        Whitening.Whiten(Floats([float.NaN, 9]), Mask([0, 0])).ShouldBeNear(Floats([0, 0]), 0);

    [SkippableTheory, Trait("Category", Goldens.Category)]
    [InlineData(true)]
    [InlineData(false)]
    public void Whiten_Goldens_EqualTrl(bool shiftMean)
    {
        using var file = TensorStore.OpenFile(Goldens.PathOf("rl", "gae", "gae.safetensors"));
        var expected = file.Load($"whiten.f64.bessel.shift_mean={(shiftMean ? "true" : "false")}");

        var whitened = Whitening.Whiten(file.Load("0.f32.advantages"), file.Load("mask").to(ScalarType.Bool), shiftMean);

        whitened.ShouldBeNear(Masked.Fill(expected, file.Load("mask").to(ScalarType.Bool)), 1e-5);
    }

    [SkippableFact, Trait("Category", Goldens.Category)]
    public void Masked_Goldens_EqualTrl()
    {
        var expected = Goldens.Json("rl", "gae", "gae.json")["masked"]!["f64"]!;
        using var file = TensorStore.OpenFile(Goldens.PathOf("rl", "gae", "gae.safetensors"));
        var (values, mask) = (file.Load(expected["of"]!.GetValue<string>()), file.Load("mask").to(ScalarType.Bool));

        Masked.Mean(values, mask).ShouldBeNear(expected["mean"]!.GetValue<double>(), 1e-6);
        Masked.Variance(values, mask).ShouldBeNear(expected["var_bessel"]!.GetValue<double>(), 3e-6);
    }
}
