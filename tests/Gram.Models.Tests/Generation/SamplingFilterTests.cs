using Gram.Models.Checkpoints;
using Gram.Models.Generation;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Tests.Generation;

public class SamplingFilterTests
{
    // Probabilities ½, ¼, ⅛, ⅛ before any filter.
    private static readonly float[] Logits = [3 * MathF.Log(2), 2 * MathF.Log(2), MathF.Log(2), MathF.Log(2)];

    [Fact]
    public void Apply_NoFilter_IsLogitsOverTemperature()
    {
        using var scope = NewDisposeScope();
        SamplingFilter.Apply(tensor(new float[,] { { 1, -2, 3 } }), new SamplingOptions { Temperature = 0.5 })
            .data<float>().ToArray().Should().Equal(2, -4, 6);
    }

    [Fact]
    public void Apply_TopK_RenormalisesOverTheLargest()
    {
        using var scope = NewDisposeScope();
        Probabilities(new SamplingOptions { TopK = 2 }).Should().Equal([2f / 3, 1f / 3, 0, 0], Near);
    }

    [Fact]
    public void Apply_TopKAmongTies_KeepsThemAll()
    {
        using var scope = NewDisposeScope();
        Probabilities(new SamplingOptions { TopK = 3 }).Should().Equal([0.5f, 0.25f, 0.125f, 0.125f], Near);
    }

    [Fact]
    public void Apply_TopKBeyondTheVocabulary_KeepsAll()
    {
        using var scope = NewDisposeScope();
        Probabilities(new SamplingOptions { TopK = 9 }).Should().Equal([0.5f, 0.25f, 0.125f, 0.125f], Near);
    }

    [Fact]
    public void Apply_TopP_KeepsTheSmallestSetThatReachesIt()
    {
        using var scope = NewDisposeScope();
        Probabilities(new SamplingOptions { TopP = 0.7 }).Should().Equal([2f / 3, 1f / 3, 0, 0], Near);
        Probabilities(new SamplingOptions { TopP = 0.4 }).Should().Equal([1f, 0, 0, 0], Near);
        Probabilities(new SamplingOptions { TopP = 0 }).Should().Equal([1f, 0, 0, 0], Near);
    }

    [Fact]
    public void Apply_TopKThenTopP_MeasuresTopPOnWhatTopKLeft()
    {
        using var scope = NewDisposeScope();
        // ⅔ and ⅓ are left by top-k, and ⅔ alone reaches 0.6; before top-k it would have taken ½ and ¼.
        Probabilities(new SamplingOptions { TopK = 2, TopP = 0.6 }).Should().Equal([1f, 0, 0, 0], Near);
    }

    [Fact]
    public void Apply_LeavesTheLogitsAlone()
    {
        using var scope = NewDisposeScope();
        var logits = tensor(Logits).unsqueeze(0);
        foreach (var temperature in (double[])[1, 0.5])
            SamplingFilter.Apply(logits, new SamplingOptions { Temperature = temperature, TopK = 1, TopP = 0.5 }).Dispose();
        logits.data<float>().ToArray().Should().Equal(Logits);
    }

    [Fact]
    public void Apply_MinP_KeepsAShareOfTheLikeliest()
    {
        using var scope = NewDisposeScope();
        Probabilities(new SamplingOptions { MinP = 0.4 }).Should().Equal([2f / 3, 1f / 3, 0, 0], Near);
        Probabilities(new SamplingOptions { MinP = 1 }).Should().Equal([1f, 0, 0, 0], Near);
        Probabilities(new SamplingOptions { MinP = 0.2 }).Should().Equal([0.5f, 0.25f, 0.125f, 0.125f], Near);
    }

    [Fact]
    public void Apply_TopPAmongTies_KeepsTheHighestIds()
    {
        using var scope = NewDisposeScope();
        var scores = SamplingFilter.Apply(zeros(1, 100), new SamplingOptions { TopP = 0.295 });
        scores.isfinite().nonzero().data<long>().ToArray().Where((_, i) => i % 2 == 1).Should().Equal(Enumerable.Range(70, 30).Select(id => (long)id));
    }

    [SkippableFact, Trait("Category", Goldens.Category)]
    public void Apply_TransformersCases_SameProbabilitiesAndKeptSets()
    {
        using var store = TensorStore.OpenFile(Goldens.PathOf("rl", "sampling", "sampling.safetensors"));
        foreach (var example in SamplingCase.All().Where(example => example.Options.RepetitionPenalty == 1))
        {
            using var scope = NewDisposeScope();
            var scores = SamplingFilter.Apply(store.Load(example.Logits).unsqueeze(0), example.Options);
            float[] actual = scores.softmax(-1).data<float>().ToArray(), expected = store.Load($"probs.{example.Name}").data<float>().ToArray();
            // Which of equal logits stays at the cut is the sort's choice; a cut within rounding may fall one token to either side.
            if (example.TieAtCut)
            {
                Array.Sort(actual);
                Array.Sort(expected);
            }
            else if (!example.CutWithinRounding)
            {
                var kept = store.Load($"kept.{example.Name}").data<byte>().ToArray();
                scores.isfinite().data<bool>().ToArray().Select(flag => (byte)(flag ? 1 : 0)).Should().Equal(kept, example.Name);
            }
            if (example.CutWithinRounding)
                actual.Count(p => p > 0).Should().BeCloseTo(expected.Count(p => p > 0), 1, example.Name);
            else
                actual.Should().Equal(expected, (a, e) => Math.Abs(a - e) <= 2e-6, example.Name);
        }
    }

    private static float[] Probabilities(SamplingOptions options) =>
        SamplingFilter.Apply(tensor(Logits).unsqueeze(0), options).softmax(-1).data<float>().ToArray();

    private static bool Near(float a, float b) => Math.Abs(a - b) < 1e-6;
}
