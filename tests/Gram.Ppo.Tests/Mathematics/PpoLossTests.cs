using System.Globalization;
using System.Text.RegularExpressions;
using Gram.Models.Checkpoints;
using Gram.Models.Scoring;
using Gram.Ppo.Mathematics;
using Gram.Ppo.Tests.Support;
using TorchSharp;
using static Gram.Ppo.Tests.Support.TensorAssertions;
using static TorchSharp.torch;

namespace Gram.Ppo.Tests.Mathematics;

public sealed class PpoLossTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Policy_RatioAboveRange_IsClippedWhereTheAdvantageIsPositive()
    {
        // ρ = 2. A = 1: max(−2, −1.2) = −1.2, clipped. A = −1: max(2, 1.2) = 2, not clipped. Mean = 0.4.
        var newLogProbs = Floats([MathF.Log(2), MathF.Log(2), 5]);

        var loss = PpoLoss.Policy(newLogProbs, zeros(1, 3), Floats([1, -1, 100]), Mask([1, 1, 0]), 0.2, 2);

        loss.Loss.ShouldBeNear(0.4, 1e-6);
        loss.Ratio.ShouldBeNear(Floats([2, 2, 1]), 1e-6);
        loss.Clipped.to(float32).ShouldBeNear(Floats([1, 0, 0]), 0);
    }

    [Fact]
    public void Policy_SamePolicy_HasRatioExactlyOne()
    {
        var logProbs = -rand(4, 7) * 10;

        var loss = PpoLoss.Policy(logProbs, logProbs.clone(), randn(4, 7), ones(4, 7, dtype: ScalarType.Bool), 0.2, 28);

        loss.Ratio.ShouldBeNear(ones(4, 7), 0);
        loss.Clipped.any().item<bool>().Should().BeFalse();
    }

    [Fact]
    public void Value_ChangeBeyondRange_TakesTheLargerError()
    {
        // V 1, V_old 0, so clip(V) = 0.2. R 0.5: 0.25 against 0.09. R 1: 0 against 0.64, clipped. ½·(0.25 + 0.64)/2 = 0.2225.
        var loss = PpoLoss.Value(Floats([1, 1, 9]), Floats([0, 0, 0]), Floats([0.5f, 1, 0]), Mask([1, 1, 0]), 0.2, 2);

        loss.Loss.ShouldBeNear(0.2225, 1e-6);
        loss.Clipped.to(float32).ShouldBeNear(Floats([0, 1, 0]), 0);
    }

    [Fact]
    public void Kl_InTheLoss_IsK3OfTheReference()
    {
        // Δ = log 2: 2 − 1 − log 2 = 0.306853; gradient to log π is 1 − e^Δ = −1.
        var logProbs = Floats([0, 3]).requires_grad_();

        var loss = PpoLoss.Kl(logProbs, Floats([MathF.Log(2), 0]), Mask([1, 0]), 1);
        loss.backward();

        loss.ShouldBeNear(0.30685282, 1e-6);
        logProbs.grad!.ShouldBeNear(Floats([-1, 0]), 1e-6);
    }

    [Fact]
    public void Losses_OfMicroBatches_AddUpToTheMiniBatch()
    {
        var (newLogProbs, old, advantages) = (randn(4, 6), randn(4, 6), randn(4, 6));
        var mask = Mask([1, 1, 1, 1, 1, 1], [1, 1, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]);

        var whole = PpoLoss.Policy(newLogProbs, old, advantages, mask, 0.2, 9).Loss;
        var parts = Enumerable.Range(0, 4).Sum(row =>
            PpoLoss.Policy(newLogProbs[row..(row + 1)], old[row..(row + 1)], advantages[row..(row + 1)], mask[row..(row + 1)], 0.2, 9).Loss.Value());

        whole.ShouldBeNear(parts, 1e-6);
    }

    [SkippableTheory, Trait("Category", Goldens.Category)]
    [InlineData("f32", 3e-6, 1e-5)]
    [InlineData("f64", 3e-6, 1e-5)] // The reference took its log-probs from logits: float32 rounding is in these too.
    public void Losses_Goldens_EqualTrl(string type, double tolerance, double ratioTolerance)
    {
        var json = Goldens.Json("rl", "ppo_loss", "ppo_loss.json");
        var expected = json["masked.f64"]!;
        double Expected(string key) => expected[key]!.GetValue<double>();
        using var file = TensorStore.OpenFile(Goldens.PathOf("rl", "ppo_loss", "ppo_loss.safetensors"));
        Tensor Load(string name) => file.Load(name, type == "f64" ? float64 : float32);
        var mask = file.Load("mask").to(ScalarType.Bool);
        var tokens = mask.sum().item<long>();
        var (newLogProbs, values, old) = (Load("new_logprobs").requires_grad_(), Load("new_values").requires_grad_(), Load("old_logprobs"));

        var policy = PpoLoss.Policy(newLogProbs, old, Load("advantages"), mask, json["cliprange"]!.GetValue<double>(), tokens);
        var value = PpoLoss.Value(values, Load("old_values"), Load("returns"), mask, json["cliprange_value"]!.GetValue<double>(), tokens);
        var loss = policy.Loss + (json["vf_coef"]!.GetValue<double>() * value.Loss);
        loss.backward();

        policy.Loss.ShouldBeNear(Expected("pg_loss"), tolerance);
        value.Loss.ShouldBeNear(Expected("vf_loss"), tolerance);
        loss.ShouldBeNear(Expected("loss"), tolerance);
        Masked.Mean(policy.Clipped.to(float64), mask).ShouldBeNear(Expected("pg_clipfrac"), 1e-7);
        Masked.Mean(value.Clipped.to(float64), mask).ShouldBeNear(Expected("vf_clipfrac"), 1e-7);
        policy.Ratio.ShouldBeNear(Masked.Fill(file.Load("f64.ratio") - 1, mask) + 1, ratioTolerance);
        Masked.Mean(policy.Ratio, mask).ShouldBeNear(Expected("ratio_mean"), ratioTolerance);
        Masked.Variance(policy.Ratio, mask).ShouldBeNear(Expected("ratio_var_bessel"), 1e-5);
        Masked.Mean(Kl.K3(old, newLogProbs), mask).ShouldBeNear(Expected("k3"), ratioTolerance);
        newLogProbs.grad!.ShouldBeNear(file.Load("f64.grad_new_logprobs"), tolerance);
        values.grad!.ShouldBeNear(file.Load("f64.grad_values"), tolerance);
    }

    /// <summary>From logits on, at the temperature that sampled (TRL divides by temperature + 1e-7: hence the bounds).</summary>
    [SkippableFact, Trait("Category", Goldens.Category)]
    public void LearnerAtTemperature_Goldens_EqualTrlDownToTheLogits()
    {
        var json = Goldens.Json("rl", "ppo_loss", "ppo_loss.json").AsObject();
        using var file = TensorStore.OpenFile(Goldens.PathOf("rl", "ppo_loss", "ppo_loss.safetensors"));
        var (mask, advantages) = (file.Load("mask").to(ScalarType.Bool), file.Load("advantages"));
        var targets = file.Load("tokens").masked_select(mask); // [valid tokens]
        var cases = json.Select(property => Regex.Match(property.Key, @"^temperature_(?<t>.+)\.f64$")).Where(match => match.Success).Select(match => match.Groups["t"].Value).ToArray();
        cases.Should().NotBeEmpty();
        foreach (var temperature in cases)
        {
            var logits = file.Load("logits").requires_grad_();
            var valid = TokenScorer.Score(logits[mask], targets, double.Parse(temperature, CultureInfo.InvariantCulture)).LogProbs;
            var newLogProbs = zeros_like(advantages).masked_scatter(mask, valid);

            var policy = PpoLoss.Policy(newLogProbs, file.Load($"temperature_{temperature}.old_logprobs"), advantages, mask, json["cliprange"]!.GetValue<double>(), targets.numel());
            policy.Loss.backward();

            newLogProbs.ShouldBeNear(Masked.Fill(file.Load($"temperature_{temperature}.f64.new_logprobs"), mask), 1e-5);
            policy.Loss.ShouldBeNear(json[$"temperature_{temperature}.f64"]!["pg_loss"]!.GetValue<double>(), 3e-6);
            logits.grad!.ShouldBeNear(file.Load($"temperature_{temperature}.f64.grad_logits"), 5e-6);
        }
    }
}
