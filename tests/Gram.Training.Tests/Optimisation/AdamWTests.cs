using Gram.Models;
using Gram.Training.Optimisation;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Training.Tests.Optimisation;

public sealed class AdamWTests : IDisposable
{
    private static readonly AdamWOptions Unclipped = new() { MaxGradNorm = 0 };
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Step_First_MovesEachWeightByTheRateAgainstItsGradient()
    {
        // m̂ = g and v̂ = g² after one step, so w ← w − lr · g / (|g| + ε).
        var w = Leaf(1, -2, 3);
        using var optimiser = Optimiser(Unclipped, ("w", w));

        Backward((w * tensor(new float[] { 0.5f, -4, 0.01f })).sum(), optimiser);
        optimiser.Step(0.1);

        Values(w).Should().Equal([0.9f, -1.9f, 2.9f], Near(1e-6));
    }

    [Fact]
    public void Step_ThreeTimes_FollowsTheFormulaInDoublePrecision()
    {
        AdamWOptions options = new() { Beta1 = 0.9, Beta2 = 0.95, Epsilon = 1e-8, WeightDecay = 0.1, MaxGradNorm = 0 };
        double[] gradients = [0.3, -0.7, 2];
        var (expected, m, v) = (1.5, 0.0, 0.0);
        var w = Leaf(1.5f);
        using var optimiser = Optimiser(options, ("w", w));
        for (var t = 1; t <= 3; t++)
        {
            var g = gradients[t - 1];
            (m, v) = (0.9 * m + 0.1 * g, 0.95 * v + 0.05 * g * g);
            expected -= 0.01 * 0.1 * expected;
            expected -= 0.01 * (m / (1 - Math.Pow(0.9, t))) / (Math.Sqrt(v / (1 - Math.Pow(0.95, t))) + 1e-8);

            Backward((w * g).sum(), optimiser);
            optimiser.Step(0.01);
        }

        Values(w)[0].Should().BeApproximately((float)expected, 1e-6f);
    }

    [Theory]
    [InlineData("model.layers.0.mlp.up_proj.weight", true)]
    [InlineData("model.embed_tokens.weight", true)]
    [InlineData("model.layers.0.self_attn.q_proj.bias", false)]
    [InlineData("model.layers.0.input_layernorm.weight", false)]
    [InlineData("model.layers.0.self_attn.q_norm.weight", false)]
    [InlineData("model.norm.weight", false)]
    public void Step_WeightDecay_SparesBiasesAndNorms(string name, bool decays)
    {
        var w = Leaf(2);
        using var optimiser = Optimiser(new AdamWOptions { WeightDecay = 0.5 }, (name, w));

        Backward((w * 0).sum(), optimiser);
        optimiser.Step(0.1);

        Values(w)[0].Should().BeApproximately(decays ? 1.9f : 2f, 1e-6f); // w − lr · decay · w
    }

    [Fact]
    public void Step_LargeGradients_AreClippedToTheGlobalNorm()
    {
        // ε of the gradient's size makes the step depend on the gradient: norm 5 is scaled to 1, so g = (0.6, 0.8).
        var (a, b) = (Leaf(0), Leaf(0));
        using var optimiser = Optimiser(new AdamWOptions { Epsilon = 1, MaxGradNorm = 1 }, ("a", a), ("b", b));

        Backward((a * 3 + b * 4).sum(), optimiser);
        var norm = optimiser.Step(1);

        norm.Should().BeApproximately(5, 1e-6);
        Values(a)[0].Should().BeApproximately(-0.6f / 1.6f, 1e-6f);
        Values(b)[0].Should().BeApproximately(-0.8f / 1.8f, 1e-6f);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Step_GradientNotFinite_ChangesNothingAndClearsTheSums(float bad)
    {
        var (w, other) = (Leaf(1), Leaf(2));
        using var optimiser = Optimiser(new AdamWOptions(), ("w", w), ("other", other));
        Backward((w * bad + other).sum(), optimiser);

        double.IsFinite(optimiser.Step(0.1)).Should().BeFalse();

        Values(w).Should().Equal(1);
        Values(other).Should().Equal(2);
        optimiser.GradNorm().Should().Be(0);
        Backward((w + other).sum(), optimiser);
        optimiser.Step(0.1);
        Values(w)[0].Should().BeApproximately(0.9f, 1e-6f, "moments and step counts are as before the bad step");
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Accumulate_SeveralBackwards_SumsInFloat32(ScalarType dtype)
    {
        // 256 + 1 is 256 in bfloat16.
        var w = ones(1, dtype: dtype, requires_grad: true);
        using var optimiser = Optimiser(Unclipped, ("w", w));

        foreach (var scale in new[] { 256, 1, 1 }) Backward((w * scale).sum(), optimiser);

        optimiser.GradNorm().Should().Be(258);
        optimiser.ZeroGrad();
        optimiser.GradNorm().Should().Be(0);
    }

    [Fact]
    public void Step_Bf16Parameters_KeepsUpdatesThatBf16WouldRoundAway()
    {
        var w = ones(1, dtype: ScalarType.BFloat16, requires_grad: true);
        using var optimiser = Optimiser(Unclipped, ("w", w));

        for (var step = 0; step < 8; step++)
        {
            Backward(w.sum(), optimiser);
            optimiser.Step(1e-3);
        }

        Values(optimiser.Masters["w"])[0].Should().BeApproximately(0.992f, 1e-5f);
        Values(w.to(ScalarType.Float32))[0].Should().Be(0.9921875f, "the compute copy is the rounded master");
    }

    [Fact]
    public void Masters_Given_AreWhatIsStepped()
    {
        var master = tensor(new float[] { 1.0001f });
        var w = master.to(ScalarType.BFloat16).requires_grad_();
        using var optimiser = new AdamW(new Dictionary<string, Tensor> { ["w"] = w }, Unclipped, new Dictionary<string, Tensor> { ["w"] = master });

        Backward(w.sum(), optimiser);
        optimiser.Step(1e-3);

        Values(master)[0].Should().BeApproximately(0.9991f, 1e-6f);
        optimiser.Masters["w"].Should().BeSameAs(master);
    }

    [Fact]
    public void Step_ParameterWithoutGradient_IsLeftAlone()
    {
        var (used, unused) = (Leaf(1), Leaf(1));
        using var optimiser = Optimiser(new AdamWOptions { WeightDecay = 0.5 }, ("used", used), ("unused", unused));

        Backward(used.sum(), optimiser);
        optimiser.Step(0.1);

        Values(unused).Should().Equal(1);
    }

    [Theory]
    [InlineData(ScalarType.Float32, false)]
    [InlineData(ScalarType.BFloat16, false)]
    [InlineData(ScalarType.Float32, true)]
    [InlineData(ScalarType.BFloat16, true)]
    public void Load_AfterSave_ContinuesBitForBit(ScalarType dtype, bool eightBit)
    {
        using var directory = new TemporaryDirectory();
        var options = new AdamWOptions { WeightDecay = 0.01, HasEightBitMoments = eightBit };
        float[] start = [.. Enumerable.Range(0, 5000).Select(i => (float)Math.Sin(i))];
        var whole = tensor(start).to(dtype).requires_grad_();
        var resumed = tensor(start).to(dtype).requires_grad_();
        using var optimiser = Optimiser(options, ("w", whole));
        Steps(optimiser, whole, 3);
        optimiser.Save(directory.Path);
        Steps(optimiser, whole, 4);

        using var second = Optimiser(options, ("w", resumed));
        second.Load(directory.Path);
        Steps(second, resumed, 4);

        Values(second.Masters["w"]).Should().Equal(Values(optimiser.Masters["w"]));
        Values(resumed.to(ScalarType.Float32)).Should().Equal(Values(whole.to(ScalarType.Float32)));

        static void Steps(AdamW optimiser, Tensor w, int count)
        {
            for (var step = 0; step < count; step++)
            {
                Backward((w * w * w).sum(), optimiser);
                optimiser.Step(0.02);
            }
        }
    }

    [Fact]
    public void Save_OfASnapshot_IsWhatTheOptimiserHeldThen()
    {
        using var directory = new TemporaryDirectory();
        Directory.CreateDirectory(directory.File("copy"));
        var w = Leaf(1, 2, 3);
        using var optimiser = Optimiser(Unclipped, ("w", w));
        Backward((w * w).sum(), optimiser);
        optimiser.Step(0.1);
        optimiser.Save(directory.Path);

        using var snapshot = optimiser.Snapshot();
        Backward((w * w).sum(), optimiser);
        optimiser.Step(0.1);
        snapshot.Save(directory.File("copy"));

        File.ReadAllBytes(directory.File("copy/optimizer.safetensors")).Should().Equal(File.ReadAllBytes(directory.File("optimizer.safetensors")));
    }

    /// <summary>Outside every scope, as a run takes one.</summary>
    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public async Task Snapshot_OnceDisposed_LeavesNothing(ScalarType dtype) => await Task.Run(() =>
    {
        using var w = ones(5000, dtype: dtype, requires_grad: true);
        using var optimiser = Optimiser(Unclipped, ("w", w));
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;

        optimiser.Snapshot().Dispose();

        DisposeScopeManager.Statistics.ThreadTotalLiveCount.Should().Be(before);
    });

    [Fact]
    public void EightBit_LargeWeights_TakeAQuarterAndSmallOnesAndEmbeddingsStayFloat32()
    {
        using var directory = new TemporaryDirectory();
        using var optimiser = Optimiser(
            new AdamWOptions { HasEightBitMoments = true }, ("up_proj.weight", ones(64, 64, requires_grad: true)), ("norm.weight", ones(4095, requires_grad: true)), ("model.embed_tokens.weight", ones(64, 64, requires_grad: true)));

        optimiser.Save(directory.Path);

        using var file = Gram.Models.Checkpoints.TensorStore.OpenFile(directory.File("optimizer.safetensors"));
        file.Names.Where(name => name.EndsWith("up_proj.weight", StringComparison.Ordinal)).Should().BeEquivalentTo(
            "master.up_proj.weight", "exp_avg_codes.up_proj.weight", "exp_avg_scales.up_proj.weight", "exp_avg_sq_codes.up_proj.weight", "exp_avg_sq_scales.up_proj.weight", "step.up_proj.weight");
        file.Names.Should().Contain(["exp_avg.norm.weight", "exp_avg.model.embed_tokens.weight"]);
        using var codes = file.Load("exp_avg_codes.up_proj.weight");
        codes.dtype.Should().Be(ScalarType.Byte);
    }

    [Fact]
    public void Load_OfMomentsInTheOtherForm_NamesOptim()
    {
        using var directory = new TemporaryDirectory();
        using (var optimiser = Optimiser(Unclipped, ("w", ones(64, 64, requires_grad: true)))) optimiser.Save(directory.Path);
        using var eightBit = Optimiser(new AdamWOptions { HasEightBitMoments = true }, ("w", ones(64, 64, requires_grad: true)));

        eightBit.Invoking(o => o.Load(directory.Path)).Should().Throw<GramException>().WithMessage("*exp_avg_codes.w*optim*");
    }

    [Fact]
    public void Load_OfAnotherModel_NamesTensorAndShapes()
    {
        using var directory = new TemporaryDirectory();
        using (var optimiser = Optimiser(Unclipped, ("w", Leaf(1, 2)))) optimiser.Save(directory.Path);
        using var other = Optimiser(Unclipped, ("w", Leaf(1, 2, 3)));

        other.Invoking(o => o.Load(directory.Path)).Should().Throw<GramException>().WithMessage("*master.w*[2]*[3]*");
    }

    [Theory]
    [InlineData(ScalarType.Float32, false)]
    [InlineData(ScalarType.BFloat16, false)]
    [InlineData(ScalarType.BFloat16, true)]
    public void Step_Repeated_LeaksNoTensors(ScalarType dtype, bool eightBit)
    {
        var w = ones(5000, dtype: dtype, requires_grad: true);
        using var optimiser = Optimiser(new AdamWOptions { MaxGradNorm = 0.1, WeightDecay = 0.1, HasEightBitMoments = eightBit }, ("w", w));
        Step();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;

        for (var i = 0; i < 5; i++) Step();

        DisposeScopeManager.Statistics.ThreadTotalLiveCount.Should().Be(before);

        void Step()
        {
            using var step = NewDisposeScope();
            Backward((w * w).sum(), optimiser);
            optimiser.Step(0.1);
        }
    }

    private static AdamW Optimiser(AdamWOptions options, params (string Name, Tensor Parameter)[] parameters) =>
        new(parameters.ToDictionary(item => item.Name, item => item.Parameter), options);

    private static Tensor Leaf(params float[] values) => tensor(values, requires_grad: true);

    private static void Backward(Tensor loss, AdamW optimiser)
    {
        loss.backward();
        optimiser.Accumulate();
    }

    private static float[] Values(Tensor tensor) => tensor.detach().data<float>().ToArray();

    private static Func<float, float, bool> Near(double tolerance) => (a, b) => Math.Abs(a - b) < tolerance;
}
