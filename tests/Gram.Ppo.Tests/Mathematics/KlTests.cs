using Gram.Models.Checkpoints;
using Gram.Ppo.Mathematics;
using Gram.Ppo.Tests.Support;
using TorchSharp;
using static Gram.Ppo.Tests.Support.TensorAssertions;
using static TorchSharp.torch;

namespace Gram.Ppo.Tests.Mathematics;

public sealed class KlTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void K1AndK3_OfARatioOfTwo_AreTheirFormulas()
    {
        // d = log 2: k1 = 0.693147, k3 = ½ − 1 + log 2 = 0.193147; d = −log 2: k3 = 2 − 1 − log 2 = 0.306853.
        var (policy, reference) = (Floats([MathF.Log(2), 0]), Floats([0, MathF.Log(2)]));

        Kl.K1(policy, reference).ShouldBeNear(Floats([0.6931472f, -0.6931472f]), 1e-6);
        Kl.K3(policy, reference).ShouldBeNear(Floats([0.1931472f, 0.3068528f]), 1e-6);
    }

    [Fact]
    public void Controller_WithoutTarget_IsFixed()
    {
        var controller = new KlController(0.05, target: null, horizon: 10_000);

        controller.Update(kl: 40, responses: 256);

        controller.Beta.Should().Be(0.05);
    }

    [Theory]
    [InlineData(100.0, 0.2)]
    [InlineData(6.6, 0.1)]
    [InlineData(0.0, -0.2)]
    public void Controller_WithTarget_StepsByTheClippedError(double kl, double error)
    {
        var controller = new KlController(0.1, target: 6, horizon: 1000);

        controller.Update(kl, responses: 50);

        controller.Beta.Should().BeApproximately(0.1 * (1 + (error * 50 / 1000)), 1e-15);
    }

    /// <summary>Fails where one step that is no number, and is skipped, makes the weight of all later ones NaN.</summary>
    [Fact]
    public void Controller_KlThatIsNoNumber_LeavesTheWeight()
    {
        var controller = new KlController(0.1, target: 6, horizon: 1000);

        controller.Update(double.NaN, responses: 50);

        controller.Beta.Should().Be(0.1);
    }

    [SkippableFact, Trait("Category", Goldens.Category)]
    public void Controller_Goldens_EqualTrl()
    {
        foreach (var trace in Goldens.Json("rl", "schedule", "schedule.json")["adaptive_kl"]!.AsArray())
        {
            var controller = new KlController(trace!["init"]!.GetValue<double>(), trace["target"]!.GetValue<double>(), trace["horizon"]!.GetValue<int>());
            var (kl, beta) = (trace["kl"]!.AsArray(), trace["beta_after"]!.AsArray());
            for (var i = 0; i < kl.Count; i++)
            {
                controller.Update(kl[i]!.GetValue<double>(), trace["n_steps"]!.GetValue<int>());
                (controller.Beta / beta[i]!.GetValue<double>()).Should().BeApproximately(1, 1e-12);
            }
        }
    }

    [SkippableTheory, Trait("Category", Goldens.Category)]
    [InlineData("f32", 1e-5)]
    [InlineData("f64", 6e-6)]
    public void Estimates_Goldens_EqualTrl(string type, double tolerance)
    {
        using var file = TensorStore.OpenFile(Goldens.PathOf("rl", "kl", "kl.safetensors"));
        var mask = file.Load("mask").to(ScalarType.Bool);
        foreach (var name in file.Names.Where(name => name.StartsWith($"{type}.k1.t", StringComparison.Ordinal)))
        {
            var t = name[$"{type}.k1.t".Length..];
            var (policy, reference) = (file.Load($"{type}.logprobs.t{t}"), file.Load($"{type}.ref_logprobs.t{t}"));
            Masked.Fill(Kl.K1(policy, reference), mask).ShouldBeNear(Masked.Fill(file.Load($"f64.k1.t{t}"), mask), tolerance);
            Masked.Fill(Kl.K3(policy, reference), mask).ShouldBeNear(Masked.Fill(file.Load($"f64.k3.t{t}"), mask), tolerance);
        }
    }

    [SkippableFact, Trait("Category", Goldens.Category)]
    public void TokenRewards_Goldens_EqualTrlWithTheScoreOnTheLastToken()
    {
        var json = Goldens.Json("rl", "kl", "kl.json");
        using var file = TensorStore.OpenFile(Goldens.PathOf("rl", "kl", "kl.safetensors"));
        var mask = file.Load("mask").to(ScalarType.Bool);
        var kl = Kl.K1(file.Load("f64.logprobs.t1.0"), file.Load("f64.ref_logprobs.t1.0"));
        var beta = json["beta"]!.GetValue<double>();
        var expected = json["masked.f64"]!;

        var rewards = TokenRewards.Build(kl, beta, file.Load("scores", float64), mask);
        var (advantages, returns) = Advantages.Gae(rewards, file.Load("values", float64), mask, 1, 0.95);

        rewards.ShouldBeNear(Masked.Fill(file.Load("f64.spec.rewards"), mask), 1e-6);
        Masked.Fill(-beta * kl, mask).ShouldBeNear(Masked.Fill(file.Load("f64.spec.non_score_reward"), mask), 1e-6);
        advantages.ShouldBeNear(file.Load("f64.spec.advantages"), 1e-6);
        returns.ShouldBeNear(Masked.Fill(file.Load("f64.spec.returns"), mask), 1e-6);
        Whitening.Whiten(rewards, mask, shiftMean: false).ShouldBeNear(Masked.Fill(file.Load("f64.spec.rewards_whitened_bessel"), mask), 1e-5);
        Masked.Fill(kl, mask).sum(1).mean().ShouldBeNear(expected["objective/kl"]!.GetValue<double>(), 1e-6);
        rewards.sum(1).mean().ShouldBeNear(expected["objective/rlhf_reward"]!.GetValue<double>(), 1e-6);
    }
}
