using System.Text.Json.Nodes;
using Gram.Models.Scoring;
using Gram.Models.Transformer;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Tests.Scoring;

public sealed class TokenScorerTests
{
    public static IEnumerable<object[]> Cases() => Goldens.Folders("models", "golden.json");

    [SkippableTheory, MemberData(nameof(Cases)), Trait("Category", Goldens.Category)]
    public void Score_Continuations_EqualTransformersLogProbsAndEntropies(string name)
    {
        var golden = Goldens.Json("models", name, "golden.json");
        using var model = CausalLM.Load(Goldens.PathOf("models", name));
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        using var batch = Batch(golden);
        foreach (var expected in golden["logprobs"]!.AsArray())
        {
            using var scores = TokenScorer.Score(model, batch, expected!["temperature"]!.GetValue<double>());
            var row = expected["prompt"]!.GetValue<int>();
            var values = Floats(expected["values"]!);
            var actual = scores.LogProbs[row].data<float>().ToArray();
            actual[..values.Length].Should().Equal(values, (a, e) => Math.Abs(a - e) < 1e-4);
            actual[values.Length..].Should().AllBeEquivalentTo(0f);
            actual.Sum(value => (double)value).Should().BeApproximately(expected["sum"]!.GetValue<double>(), 1e-4);
            scores.Entropy[row].data<float>().ToArray()[..values.Length].Should().Equal(Floats(expected["entropy"]!), (a, e) => Math.Abs(a - e) < 1e-4);
        }
    }

    /// <summary>ppo.md, invariants 3 and 9: other rows, and what stands after the response, change nothing.</summary>
    [SkippableTheory, MemberData(nameof(Cases)), Trait("Category", Goldens.Category)]
    public void Score_RowAlone_AsInTheBatch(string name)
    {
        var golden = Goldens.Json("models", name, "golden.json");
        using var model = CausalLM.Load(Goldens.PathOf("models", name));
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        using var batch = Batch(golden);
        using var otherPadding = Batch(golden, padToken: 7);
        using var together = TokenScorer.Score(model, batch, 1);
        Distance(TokenScorer.Score(model, otherPadding, 1).LogProbs, together.LogProbs).Should().Be(0);
        var (prompts, continuations) = (Rows(golden["prompts"]!), Rows(golden["continuations"]!));
        for (var row = 0; row < prompts.Length; row++)
        {
            using var alone = new SequenceBatch([prompts[row]], [continuations[row]], 0);
            using var scores = TokenScorer.Score(model, alone, 1);
            Distance(scores.LogProbs[0], together.LogProbs[row].narrow(0, 0, continuations[row].Length)).Should().BeLessThan(1e-4f);
            Distance(scores.Entropy[0], together.Entropy[row].narrow(0, 0, continuations[row].Length)).Should().BeLessThan(1e-4f);
        }
    }

    [SkippableTheory, MemberData(nameof(Cases)), Trait("Category", Goldens.Category)]
    public void Score_KeptSets_RenormaliseOverThem(string name)
    {
        var golden = Goldens.Json("models", name, "golden.json");
        using var model = CausalLM.Load(Goldens.PathOf("models", name));
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var (prompt, response) = (Rows(golden["prompts"]!)[0], Rows(golden["continuations"]!)[0]);
        // Row 1 has a filter, row 0 has not: the token itself and two others, or one other.
        int[][] kept = [.. response.Select((token, t) => t % 2 == 0 ? new[] { token, (token + 1) % 50, (token + 2) % 50 } : [(token + 3) % 50, token])];
        using var batch = new SequenceBatch([prompt, prompt], [response, response], 0, [null, kept]);
        using var scores = TokenScorer.Score(model, batch, 0.7);

        var logits = model.Logits(TokenScorer.Gather(model.Hidden(batch.Tokens), batch))[0] / 0.7; // [responseTokens, vocab]
        for (var t = 0; t < response.Length; t++)
        {
            var all = logits[t].data<float>().Select(value => (double)value).ToArray();
            var set = kept[t].Select(id => all[id]).ToArray();
            var mass = set.Sum(Math.Exp);
            scores.LogProbs[1, t].item<float>().Should().BeApproximately((float)(all[response[t]] - Math.Log(mass)), 1e-4f);
            scores.Entropy[1, t].item<float>().Should().BeApproximately((float)-set.Sum(z => Math.Exp(z) / mass * (z - Math.Log(mass))), 1e-4f);
            scores.LogProbs[0, t].item<float>().Should().BeApproximately((float)(all[response[t]] - Math.Log(all.Sum(Math.Exp))), 1e-4f);
        }
    }

    [SkippableFact, Trait("Category", Goldens.Category)]
    public void Score_Trained_SendsGradientsAndLeaksNothing()
    {
        var name = (string)Cases().First()[0];
        var golden = Goldens.Json("models", name, "golden.json");
        using var model = CausalLM.Load(Goldens.PathOf("models", name));
        model.SetTrainable(true);
        var gradNorms = new double[2];
        long before = 0;
        for (var pass = 0; pass < 2; pass++)
        {
            using (var scope = NewDisposeScope())
            using (var batch = Batch(golden))
            {
                TokenScorer.Score(model, batch, 0.7).LogProbs.sum().backward();
                gradNorms[pass] = model.Parameters.Values.Sum(parameter => parameter.grad!.norm().item<float>());
                foreach (var parameter in model.Parameters.Values) parameter.grad = null;
            }
            if (pass == 0) before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        }
        gradNorms[0].Should().BePositive();
        gradNorms[1].Should().Be(gradNorms[0], "the same batch gives the same gradient, bit for bit");
        DisposeScopeManager.Statistics.ThreadTotalLiveCount.Should().Be(before);
    }

    private static SequenceBatch Batch(JsonNode golden, int? padToken = null) =>
        new(Rows(golden["prompts"]!), Rows(golden["continuations"]!), padToken ?? golden["ids"]!["pad"]!.GetValue<int>());

    private static float Distance(Tensor a, Tensor b) => (a - b).abs().max().item<float>();

    private static int[][] Rows(JsonNode rows) => [.. rows.AsArray().Select(row => row!.AsArray().Select(id => id!.GetValue<int>()).ToArray())];

    private static float[] Floats(JsonNode values) => [.. values.AsArray().Select(value => value!.GetValue<float>())];
}
