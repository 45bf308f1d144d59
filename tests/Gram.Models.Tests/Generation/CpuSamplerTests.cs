using Gram.Models.Checkpoints;
using Gram.Models.Generation;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Tests.Generation;

public class CpuSamplerTests
{
    public static TheoryData<double, int, double, double> Filters => new()
    {
        { 1.0, 0, 1.0, 0 },
        { 0.7, 0, 1.0, 0 },
        { 1.5, 0, 1.0, 0 },
        { 1.0, 5, 1.0, 0 },
        { 1.0, 0, 0.8, 0 },
        { 1.0, 0, 1.0, 0.2 },
        { 0.7, 8, 0.9, 0 },
        { 1.3, 9, 0.95, 0.1 },
    };

    [Theory]
    [MemberData(nameof(Filters))]
    public void Draw_ManyTimes_FrequenciesMatchTheDistribution(double temperature, int topK, double topP, double minP)
    {
        using var scope = NewDisposeScope();
        var options = new SamplingOptions { Temperature = temperature, TopK = topK, TopP = topP, MinP = minP };
        var random = new RandomSource(11);
        var logits = Normal(random, 1, 12, 1.5);
        var expected = SamplingFilter.Apply(logits, options).softmax(1).data<float>().ToArray();
        var rows = Enumerable.Range(0, 40_000).Select(_ => Sample(random)).ToArray();

        using var sampler = new CpuSampler(options, withLogProbs: false);
        var drawn = sampler.Draw(logits.expand(rows.Length, -1).contiguous(), rows);

        ChiSquare.ShouldMatch([.. drawn.Select(token => token.Token)], expected);
    }

    /// <summary>Of operators and of kernels: the same tokens, log-probs and kept sets, for vocabularies that fill no whole vector or block.</summary>
    [Theory]
    [MemberData(nameof(Filters))]
    public void Draw_ManyRows_EqualsTheOperators(double temperature, int topK, double topP, double minP)
    {
        using var scope = NewDisposeScope();
        foreach (var (rows, vocab, spread) in ((int, int, double)[])[(1, 7, 2), (3, 1003, 1), (40, 5001, 3), (2, 1025, 0.01), (4, 3000, 12)])
        {
            // With a penalty, and with a greedy row among the sampled ones.
            var options = new SamplingOptions { Temperature = temperature, TopK = topK, TopP = topP, MinP = minP, RepetitionPenalty = 1.2 };
            var logits = Normal(new RandomSource((ulong)vocab), rows, vocab, spread);
            using var kernels = new CpuSampler(options, withLogProbs: true);
            using var operators = new TorchSampler(options, withLogProbs: true);

            var actual = kernels.Draw(logits.clone(), Rows());
            var expected = operators.Draw(logits.clone(), Rows());

            for (var i = 0; i < rows; i++)
            {
                actual[i].Token.Should().Be(expected[i].Token, "row {0} of {1}", i, rows);
                actual[i].LogProb.Should().BeApproximately(expected[i].LogProb, 2e-5f);
                (actual[i].Kept ?? []).Should().Equal(expected[i].Kept ?? []);
            }

            DecodingRow[] Rows() => [.. Enumerable.Range(0, rows).Select(row => Row([0, 5, 6, 5], row == 2 ? null : new RandomSource((ulong)row)))];
        }
    }

    [SkippableFact, Trait("Category", Goldens.Category)]
    public void Draw_TransformersCases_SameKeptSetsAndLogProbs()
    {
        using var store = TensorStore.OpenFile(Goldens.PathOf("rl", "sampling", "sampling.safetensors"));
        foreach (var example in SamplingCase.All())
        {
            using var scope = NewDisposeScope();
            var logits = store.Load(example.Logits).unsqueeze(0);
            var expected = store.Load($"probs.{example.Name}").data<float>().ToArray();
            using var sampler = new CpuSampler(example.Options, withLogProbs: true);

            // Which of equal logits stays at the cut is the sort's choice; a cut within rounding may fall one token to either side.
            if (example.CutWithinRounding) continue;
            foreach (var seed in Enumerable.Range(0, 8))
            {
                var drawn = sampler.Draw(logits.clone(), [Row(example.InputIds, new RandomSource((ulong)seed))])[0];
                if (drawn.Kept is { } kept) kept.Should().HaveCount(expected.Count(p => p > 0), example.Name);
                if (example.TieAtCut) continue;
                if (drawn.Kept is not null) drawn.Kept.Should().Equal(Enumerable.Range(0, expected.Length).Where(token => expected[token] > 0), example.Name);
                drawn.LogProb.Should().BeApproximately(MathF.Log(expected[drawn.Token]), 1e-4f, example.Name);
            }
        }
    }

    [Fact]
    public void Draw_Greedy_TakesTheFirstOfTheLargest()
    {
        using var scope = NewDisposeScope();
        using var sampler = new CpuSampler(new SamplingOptions { Temperature = 2 }, withLogProbs: true);
        // At temperature 2 the weights are 1, 4, 4, 1.
        var drawn = sampler.Draw(tensor(new[] { 0, 2 * MathF.Log(4), 2 * MathF.Log(4), 0 }).unsqueeze(0), [Row([], null)])[0];
        drawn.Token.Should().Be(1);
        drawn.LogProb.Should().BeApproximately(MathF.Log(0.4f), 1e-6f);
        drawn.Kept.Should().BeNull();
    }

    [Fact]
    public void Draw_RepetitionPenalty_DividesPositiveLogitsAndMultipliesNegativeOnes()
    {
        using var scope = NewDisposeScope();
        var logits = tensor(new[] { 4f, 3, -1, -3 }).unsqueeze(0);
        using var sampler = new CpuSampler(new SamplingOptions { RepetitionPenalty = 2 }, withLogProbs: true);
        // 0 and 2 were seen, one of them twice: logits 2, 3, −2, −3.
        var drawn = sampler.Draw(logits, [Row([0, 2, 0], null)])[0];
        drawn.Token.Should().Be(1);
        drawn.LogProb.Should().BeApproximately((float)(3 - Math.Log(Math.Exp(2) + Math.Exp(3) + Math.Exp(-2) + Math.Exp(-3))), 1e-6f);
    }

    [Theory]
    [MemberData(nameof(Filters))]
    public void Draw_RowThatIsNotANumber_StaysInsideTheVocabulary(double temperature, int topK, double topP, double minP)
    {
        using var scope = NewDisposeScope();
        using var sampler = new CpuSampler(new SamplingOptions { Temperature = temperature, TopK = topK, TopP = topP, MinP = minP }, withLogProbs: true);
        foreach (var value in (float[])[float.NaN, float.NegativeInfinity, float.PositiveInfinity])
            sampler.Draw(full(1, 600, value), [Sample(new RandomSource(1))])[0].Token.Should().BeInRange(0, 599);
    }

    [Fact]
    public void Draw_LogitsOfMinusInfinity_AreNeverDrawnNorKept()
    {
        using var scope = NewDisposeScope();
        var logits = full(1, 40, float.NegativeInfinity);
        logits[0, 30] = 1;
        logits[0, 33] = 1;
        using var sampler = new CpuSampler(new SamplingOptions { TopK = 5 }, withLogProbs: true);
        foreach (var seed in Enumerable.Range(0, 20))
            sampler.Draw(logits.clone(), [Sample(new RandomSource((ulong)seed))])[0].Kept.Should().Equal(30, 33);
    }

    private static Tensor Normal(RandomSource random, int rows, int vocab, double deviation) =>
        tensor(Enumerable.Range(0, rows * vocab).Select(_ => (float)(deviation * random.NextGaussian())).ToArray(), [rows, vocab]);

    private static DecodingRow Sample(RandomSource random) => Row([], random.Fork());

    private static DecodingRow Row(int[] prompt, RandomSource? random) => new(new(0, 0), prompt, 1, random, remembers: true, null);
}
