using System.Text.RegularExpressions;
using Gram.Models.Checkpoints;
using Gram.Models.Scoring;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Tests.Scoring;

/// <summary>Logits to log-probs and entropies, without a model.</summary>
public partial class LogProbTests
{
    [Fact]
    public void Score_KnownDistribution_HasItsLogProbAndEntropy()
    {
        using var scope = NewDisposeScope();
        var logits = tensor(new[,] { { MathF.Log(2), 0, 0 } }); // ½, ¼, ¼
        var scores = TokenScorer.Score(logits, tensor(new[] { 0L }), 1);
        scores.LogProbs.item<float>().Should().BeApproximately(-MathF.Log(2), 1e-6f);
        scores.Entropy.item<float>().Should().BeApproximately(1.5f * MathF.Log(2), 1e-6f);
    }

    [Fact]
    public void Score_Temperature_DividesTheLogits()
    {
        using var scope = NewDisposeScope();
        var scores = TokenScorer.Score(tensor(new[,] { { 2f, 0f } }), tensor(new[] { 1L }), 0.5);
        scores.LogProbs.item<float>().Should().BeApproximately(-4 - MathF.Log(1 + MathF.Exp(-4)), 1e-5f);
    }

    [Fact]
    public void Score_ColumnTakenOut_CountsInNeither()
    {
        using var scope = NewDisposeScope();
        var scores = TokenScorer.Score(tensor(new[,] { { 1f, 1f, float.NegativeInfinity } }), tensor(new[] { 0L }), 1);
        scores.LogProbs.item<float>().Should().BeApproximately(-MathF.Log(2), 1e-6f);
        scores.Entropy.item<float>().Should().BeApproximately(MathF.Log(2), 1e-6f);
    }

    [Theory]
    [InlineData(1.0)]
    [InlineData(0.5)]
    public void Score_Gradient_IsOneHotMinusSoftmaxOverTemperature(double temperature)
    {
        using var scope = NewDisposeScope();
        // Large enough to be scored in more than one block.
        var logits = randn(9, 1 << 20).requires_grad_();
        var targets = arange(9);
        TokenScorer.Score(logits, targets, temperature).LogProbs.sum().backward();
        var expected = (zeros_like(logits).scatter(1, targets.unsqueeze(1), ones(9, 1)) - (logits.detach() / temperature).softmax(1)) / temperature;
        (logits.grad! - expected).abs().max().item<float>().Should().BeLessThan(1e-6f);
    }

    [Fact]
    public void Score_EntropyGradient_FlowsOnlyWhereAskedFor()
    {
        using var scope = NewDisposeScope();
        var logits = tensor(new[,] { { 1f, -1f, float.NegativeInfinity } }).requires_grad_();
        TokenScorer.Score(logits, tensor(new[] { 0L }), 1).Entropy.requires_grad.Should().BeFalse();
        TokenScorer.Score(logits, tensor(new[] { 0L }), 1, withEntropyGradient: true).Entropy.sum().backward();
        // dH/dz_i = −p_i·(log p_i + H), by hand for p = σ(±2).
        var p = 1 / (1 + Math.Exp(-2));
        var entropy = -p * Math.Log(p) - (1 - p) * Math.Log(1 - p);
        var gradient = logits.grad!.data<float>().ToArray();
        gradient[0].Should().BeApproximately((float)(-p * (Math.Log(p) + entropy)), 1e-6f);
        gradient[1].Should().BeApproximately((float)(-(1 - p) * (Math.Log(1 - p) + entropy)), 1e-6f);
        gradient[2].Should().Be(0);
    }

    [SkippableFact, Trait("Category", Goldens.Category)]
    public void Score_TrlLogits_GiveItsLogProbsAndEntropies()
    {
        using var store = TensorStore.OpenFile(Goldens.PathOf("rl", "kl", "kl.safetensors"));
        var temperatures = store.Names.Select(name => LogProbsName().Match(name)).Where(match => match.Success).Select(match => match.Groups[1].Value).ToArray();
        temperatures.Should().NotBeEmpty();
        using var scope = NewDisposeScope();
        var mask = store.Load("mask").to_type(ScalarType.Float64).flatten();
        var targets = store.Load("responses").flatten();
        foreach (var temperature in temperatures)
        {
            var t = double.Parse(temperature, System.Globalization.CultureInfo.InvariantCulture);
            var policy = TokenScorer.Score(store.Load("policy_logits").flatten(0, 1), targets, t);
            var reference = TokenScorer.Score(store.Load("ref_logits").flatten(0, 1), targets, t);
            Near(policy.LogProbs, $"f64.logprobs.t{temperature}");
            Near(policy.Entropy, $"f64.entropy.t{temperature}");
            Near(reference.LogProbs, $"f64.ref_logprobs.t{temperature}");
        }

        void Near(Tensor actual, string name) =>
            ((actual.to_type(ScalarType.Float64) - store.Load(name).flatten()) * mask).abs().max().item<double>().Should().BeLessThan(1e-5, name);
    }

    [GeneratedRegex(@"^f64\.logprobs\.t(.+)$")]
    private static partial Regex LogProbsName();
}
