using Gram.Models.Scoring;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Tests.Scoring;

/// <summary>Log-probs made in blocks of the vocabulary, against the formula over all logits at once, in float64.</summary>
public sealed class HeadLogProbsTests : IDisposable
{
    // So many tokens that the words are taken in two blocks, and three.
    private const int Tokens = 8192, Vocabulary = 700, Width = 6;

    private readonly DisposeScope scope = NewDisposeScope();
    private readonly Tensor targets;

    public HeadLogProbsTests()
    {
        manual_seed(3);
        targets = randint(0, Vocabulary, Tokens);
    }

    public void Dispose() => scope.Dispose();

    [Theory]
    [InlineData(1.0)]
    [InlineData(0.7)]
    public void Of_SeveralBlocks_EqualsTheFormula(double temperature)
    {
        var (hidden, weight) = Random(ScalarType.Float32);
        var expected = Formula(hidden, weight, temperature);

        var actual = HeadLogProbs.Of(hidden, weight, targets, temperature, EntropyUse.Value);

        Distance(actual[0], expected.LogProbs).Should().BeLessThan(1e-5);
        Distance(actual[1], expected.Entropy).Should().BeLessThan(1e-5);
        var alone = HeadLogProbs.Of(hidden, weight, targets, temperature, EntropyUse.None);
        Distance(alone[0], actual[0]).Should().Be(0, "the entropy changes no log-prob");
    }

    [Theory]
    [InlineData(1.0, false)]
    [InlineData(0.7, false)]
    [InlineData(1.0, true)]
    [InlineData(0.7, true)]
    public void Backward_SeveralBlocks_EqualsTheFormulas(double temperature, bool withEntropy)
    {
        var (hidden, weight) = Random(ScalarType.Float32);
        var (exactHidden, exactWeight) = (Exact(hidden), Exact(weight));
        var (ofLogProbs, ofEntropy) = (randn(Tokens), withEntropy ? randn(Tokens) : zeros(Tokens));

        var actual = HeadLogProbs.Of(hidden, weight, targets, temperature, withEntropy ? EntropyUse.WithGradient : EntropyUse.Value);
        (actual[0] * ofLogProbs + actual[1] * ofEntropy).sum().backward();
        var expected = Formula(exactHidden, exactWeight, temperature);
        (expected.LogProbs * ofLogProbs + expected.Entropy * ofEntropy).sum().backward();

        RelativeDistance(hidden.grad!, exactHidden.grad!).Should().BeLessThan(1e-5);
        RelativeDistance(weight.grad!, exactWeight.grad!).Should().BeLessThan(1e-5);
    }

    [Fact]
    public void Backward_BFloat16_RoundsNoWorseThanAutograd()
    {
        var (hidden, weight) = Random(ScalarType.BFloat16);
        var (exactHidden, exactWeight) = (Exact(hidden), Exact(weight));
        var (plainHidden, plainWeight) = (hidden.detach().clone().requires_grad_(), weight.detach().clone().requires_grad_());

        HeadLogProbs.Of(hidden, weight, targets, 0.7, EntropyUse.None).sum().backward();
        Formula(exactHidden, exactWeight, 0.7).LogProbs.sum().backward();
        Pick(nn.functional.linear(plainHidden, plainWeight).to(ScalarType.Float32) / 0.7).sum().backward();

        hidden.grad!.dtype.Should().Be(ScalarType.BFloat16);
        weight.grad!.dtype.Should().Be(ScalarType.BFloat16);
        RelativeDistance(hidden.grad!, exactHidden.grad!).Should().BeLessThan(1.1 * RelativeDistance(plainHidden.grad!, exactHidden.grad!));
        RelativeDistance(weight.grad!, exactWeight.grad!).Should().BeLessThan(1.1 * RelativeDistance(plainWeight.grad!, exactWeight.grad!));
    }

    [Fact]
    public void Backward_BFloat16TooManyLogitsToKeep_GivesTheGradientsOfFewerTokens()
    {
        const int Words = 8300; // 8192 tokens' logits take 136 MB
        var (hidden, weight) = ((randn(Tokens, Width) * 0.7).to(ScalarType.BFloat16).requires_grad_(), randn(Words, Width).to(ScalarType.BFloat16).requires_grad_());
        var part = hidden.detach().narrow(0, 0, 512).clone().requires_grad_();
        HeadBlocks.RoomForAll(hidden, weight).Should().BeNull();
        HeadBlocks.RoomForAll(part, weight).Should().NotBeNull();

        HeadLogProbs.Of(hidden, weight, targets, 0.7, EntropyUse.WithGradient).sum().backward();
        HeadLogProbs.Of(part, weight, targets.narrow(0, 0, 512), 0.7, EntropyUse.WithGradient).sum().backward();

        RelativeDistance(part.grad!, hidden.grad!.narrow(0, 0, 512).to(ScalarType.Float64)).Should().BeLessThan(5e-3);
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Backward_TwiceOverOneGraph_GivesTheSameGradient(ScalarType dtype)
    {
        var (hidden, weight) = Random(dtype);
        var loss = HeadLogProbs.Of(hidden, weight, targets, 0.7, EntropyUse.WithGradient).sum();
        loss.backward(retain_graph: true);
        var once = hidden.grad!.clone();
        hidden.grad = null;

        loss.backward();

        Distance(hidden.grad!, once).Should().Be(0);
    }

    [Fact]
    public void Of_CertainWord_KeepsTheSmallLogProb()
    {
        // Logits 30 and 15: log-prob −e^−15 and entropy 16·e^−15, to first order; as 30 − log Σ exp both would be lost to rounding.
        var weight = tensor(new[,] { { 30f }, { 15f } });

        var actual = HeadLogProbs.Of(ones(1, 1), weight, zeros(1, ScalarType.Int64), 1, EntropyUse.Value);

        actual[0].item<float>().Should().BeApproximately((float)-Math.Exp(-15), 1e-7f);
        actual[1].item<float>().Should().BeApproximately((float)(16 * Math.Exp(-15)), 1e-7f);
    }

    [Fact]
    public void Backward_FrozenWeight_GivesHiddenItsGradientAlone()
    {
        var (hidden, weight) = Random(ScalarType.Float32);
        weight.requires_grad = false;
        var exactHidden = Exact(hidden);

        HeadLogProbs.Of(hidden, weight, targets, 1, EntropyUse.None).sum().backward();
        Formula(exactHidden, Exact(weight), 1).LogProbs.sum().backward();

        weight.grad.Should().BeNull();
        RelativeDistance(hidden.grad!, exactHidden.grad!).Should().BeLessThan(1e-5);
    }

    [Fact]
    public void Backward_Twice_AddsToTheWeightsGradient()
    {
        var (hidden, weight) = Random(ScalarType.Float32);
        HeadLogProbs.Of(hidden, weight, targets, 1, EntropyUse.None).sum().backward();
        var once = weight.grad!.clone();

        HeadLogProbs.Of(hidden, weight, targets, 1, EntropyUse.None).sum().backward();

        RelativeDistance(weight.grad!, once * 2).Should().BeLessThan(1e-5);
    }

    [Fact]
    public void KeptLogits_SeveralBlocks_EqualTheirColumnsAndGradients()
    {
        var (hidden, weight) = Random(ScalarType.Float32);
        var (exactHidden, exactWeight) = (Exact(hidden), Exact(weight));
        var (kept, upstream) = (randint(0, Vocabulary, [Tokens, 3]), randn(Tokens, 3));

        var actual = KeptLogits.Of(hidden, weight, kept);
        (actual * upstream).sum().backward();
        var expected = nn.functional.linear(exactHidden, exactWeight).gather(1, kept);
        (expected * upstream).sum().backward();

        Distance(actual, expected).Should().BeLessThan(1e-5);
        RelativeDistance(hidden.grad!, exactHidden.grad!).Should().BeLessThan(1e-5);
        RelativeDistance(weight.grad!, exactWeight.grad!).Should().BeLessThan(1e-5);
    }

    [Fact]
    public void Backward_Repeated_LeaksNoTensors()
    {
        var (hidden, weight) = Random(ScalarType.Float32);
        long before = 0;
        for (var pass = 0; pass < 3; pass++)
        {
            using (NewDisposeScope())
            {
                HeadLogProbs.Of(hidden, weight, targets, 1, EntropyUse.WithGradient).sum().backward();
                KeptLogits.Of(hidden, weight, targets.unsqueeze(1)).sum().backward();
            }
            (hidden.grad, weight.grad) = (null, null);
            if (pass == 0) before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        }
        DisposeScopeManager.Statistics.ThreadTotalLiveCount.Should().Be(before);
    }

    private static (Tensor Hidden, Tensor Weight) Random(ScalarType dtype) =>
        (randn(Tokens, Width).to(dtype).requires_grad_(), randn(Vocabulary, Width).to(dtype).requires_grad_());

    private static Tensor Exact(Tensor leaf) => leaf.detach().to(ScalarType.Float64).requires_grad_();

    private (Tensor LogProbs, Tensor Entropy) Formula(Tensor hidden, Tensor weight, double temperature)
    {
        var logits = nn.functional.linear(hidden.to(ScalarType.Float64), weight.to(ScalarType.Float64)) / temperature;
        var all = logits.log_softmax(1);
        return (Pick(logits), -(all.exp() * all).sum(1));
    }

    private Tensor Pick(Tensor logits) => logits.log_softmax(1).gather(1, targets.unsqueeze(1)).squeeze(1);

    private static double Distance(Tensor a, Tensor b) => (a - b).abs().max().ToDouble();

    private static double RelativeDistance(Tensor a, Tensor b) => ((a.to(ScalarType.Float64) - b).norm() / b.norm()).ToDouble();
}
