using Gram.Models.Transformer;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Gram.Models.Tests.Transformer;

/// <summary>Against transformers: logits, padding, hidden states, bf16, loss and gradients (tolerances of the goldens' README).</summary>
[Trait("Category", Goldens.Category)]
public sealed class CausalLMGoldenTests
{
    public static IEnumerable<object[]> Models => GoldenModel.All;

    [SkippableTheory]
    [MemberData(nameof(Models))]
    public void Logits_EachPromptAlone_EqualTransformers(string name)
    {
        using var golden = new GoldenModel(name);
        using var model = golden.Load();

        foreach (var (i, tokens) in golden.Prompts)
        {
            var logits = model.Logits(model.Hidden(tokens))[0];
            GoldenModel.MaxDifference(logits, golden.Array($"logits.{i}")).Should().BeLessThan(1e-4);
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Models))]
    public void Logits_CachedTokenByToken_EqualTransformers(string name)
    {
        using var golden = new GoldenModel(name);
        using var model = golden.Load();

        foreach (var (i, tokens) in golden.Prompts)
        {
            var length = (int)tokens.shape[1];
            using var cache = model.NewCache(1, length);
            var rows = Enumerable.Range(0, length).Select(t => model.Decode(tokens.select(1, t), cache));
            GoldenModel.MaxDifference(cat(rows.ToList()), golden.Array($"logits.{i}")).Should().BeLessThan(1e-4);
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Models))]
    public void Logits_LeftPaddedBatch_EqualTransformers(string name)
    {
        using var golden = new GoldenModel(name);
        using var model = golden.Load();
        var tokens = GoldenModel.Tokens(golden.Json["left_padded"]!["input_ids"]!);
        var mask = GoldenModel.Tokens(golden.Json["left_padded"]!["attention_mask"]!);
        var expected = golden.Array("left_padded.logits");

        var logits = model.Logits(model.Hidden(tokens, mask));

        logits.isfinite().all().item<bool>().Should().BeTrue();
        GoldenModel.MaxDifference(logits * mask.unsqueeze(-1), expected).Should().BeLessThan(1e-4);
    }

    [SkippableTheory]
    [MemberData(nameof(Models))]
    public void Positions_LeftPaddedBatch_EqualTransformers(string name)
    {
        using var golden = new GoldenModel(name);
        var padded = golden.Json["left_padded"]!;

        var positions = AttentionMask.Positions(GoldenModel.Tokens(padded["attention_mask"]!));

        GoldenModel.MaxDifference(positions, GoldenModel.Tokens(padded["position_ids"]!)).Should().Be(0);
    }

    [SkippableTheory]
    [MemberData(nameof(Models))]
    public void Hidden_AfterFirstBlockAndAtTheEnd_EqualTransformers(string name)
    {
        using var golden = new GoldenModel(name);
        using var model = golden.Load();

        foreach (var (i, tokens) in golden.Prompts)
        {
            GoldenModel.MaxDifference(model.Layers(tokens, null, null, count: 1)[0], golden.Array($"hidden.layer0.{i}")).Should().BeLessThan(1e-4);
            GoldenModel.MaxDifference(model.Hidden(tokens)[0, -1], golden.Array($"hidden.final.{i}")).Should().BeLessThan(1e-4);
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Models))]
    public void Logits_ComputedInBFloat16_AreAsCloseAsTransformers(string name)
    {
        using var golden = new GoldenModel(name);
        Skip.If(golden.Json["logits_bf16_compute"] is null, "not a bf16 case");
        using var model = golden.Load(ScalarType.BFloat16);
        var (atol, meanAtol) = (golden.Json["logits_bf16_compute"]!["suggested_atol"]!.GetValue<double>(), golden.Json["logits_bf16_compute"]!["suggested_mean_abs"]!.GetValue<double>());

        foreach (var (i, tokens) in golden.Prompts)
        {
            using var cache = model.NewCache(1, (int)tokens.shape[1]);
            foreach (var logits in new[] { model.Logits(model.Hidden(tokens))[0], model.InferenceLogits(model.Hidden(tokens, cache)[0]) })
            {
                var expected = golden.Array($"logits_bf16.{i}");
                GoldenModel.MaxDifference(logits, expected).Should().BeLessThan(atol);
                (logits.to(ScalarType.Float32) - expected).abs().mean().item<float>().Should().BeLessThan((float)meanAtol);
            }
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Models))]
    public void Backward_RightPaddedBatch_LossAndGradientsEqualTransformers(string name)
    {
        using var golden = new GoldenModel(name);
        using var model = golden.Load();
        var loss = golden.Json["loss"]!;
        var (tokens, labels) = (GoldenModel.Tokens(loss["input_ids"]!), GoldenModel.Tokens(loss["labels"]!));
        model.SetTrainable(true);

        var logits = model.Logits(model.Hidden(tokens))[.., ..^1];
        var value = F.cross_entropy(logits.reshape(-1, model.Config.VocabSize), labels[.., 1..].reshape(-1), ignore_index: -100);
        value.backward();

        value.item<float>().Should().BeApproximately(loss["value"]!.GetValue<float>(), 1e-5f);
        var norms = loss["grad_norm_by_parameter"]!.AsObject();
        model.Parameters.Keys.Should().BeEquivalentTo(norms.Select(norm => norm.Key));
        foreach (var (parameter, norm) in norms)
        {
            model.Parameters[parameter].grad!.norm().item<float>().Should().BeApproximately(norm!.GetValue<float>(), norm.GetValue<float>() * 1e-5f + 1e-7f, parameter);
        }
        foreach (var (parameter, array) in loss["gradients"]!.AsObject())
        {
            var expected = golden.Array(array!.GetValue<string>());
            GoldenModel.MaxDifference(model.Parameters[parameter].grad!, expected).Should().BeLessThan(1e-5 * expected.abs().max().item<float>(), parameter);
        }
        Math.Sqrt(model.Parameters.Values.Sum(parameter => parameter.grad!.square().sum().item<float>())).Should().BeApproximately(loss["grad_norm"]!.GetValue<double>(), 1e-5 * loss["grad_norm"]!.GetValue<double>());
    }
}
