using Gram.Models.Transformer;
using Gram.Models.Transformer.Lora;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Tests.Transformer.Lora;

public sealed class LoraMergeTests
{
    public static IEnumerable<object[]> Adapters => GoldenAdapter.All;

    [SkippableTheory]
    [MemberData(nameof(Adapters))]
    [Trait("Category", Goldens.Category)]
    public void Merge_GoldenAdapter_GivesPeftsWeightsAndLogits(string name)
    {
        using var golden = new GoldenAdapter(name);
        using var view = golden.Load();
        using var merged = view.Merge();

        merged.Adapter.Should().BeNull();
        foreach (var (weight, array) in golden.Json["merged_weights"]!.AsObject())
        {
            GoldenModel.MaxDifference(merged.Weights[weight], golden.Array(array!.GetValue<string>())).Should().BeLessThan(1e-6, weight);
        }
        using var inPlace = view.MergeIntoBase();
        foreach (var (i, tokens) in golden.Base.Prompts)
        {
            GoldenModel.MaxDifference(merged.Logits(merged.Hidden(tokens))[0], golden.Array($"logits_merged.{i}")).Should().BeLessThan(1e-4);
            GoldenModel.MaxDifference(view.Logits(view.Hidden(tokens)), merged.Logits(merged.Hidden(tokens))).Should().Be(0);
        }
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void MergeIntoBase_ThenDispose_RestoresEveryBit(ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Create("qwen3", 3, dtype);
        using var view = model.WithAdapter(TinyAdapters.Create(model, 3));
        using var other = model.WithAdapter(TinyAdapters.Create(model, 4));
        var before = model.Weights.ToDictionary(weight => weight.Key, weight => weight.Value.clone());
        var tokens = randint(0, model.Config.VocabSize, [2, 5]);
        var (own, apart, others) = (Logits(model), Logits(view), Logits(other)); // the kernels exist now

        using (view.MergeIntoBase())
        {
            using var merged = model.Clone(); // the base's weights as they are now
            GoldenModel.MaxDifference(Logits(view), Logits(merged)).Should().Be(0, "cached and plain passes are the merged ones");
            GoldenModel.MaxDifference(Logits(view), apart).Should().BeGreaterThan(0).And.BeLessThan(dtype == ScalarType.Float32 ? 1e-3 : 1);
            other.Invoking(Logits).Should().Throw<InvalidOperationException>().WithMessage("another view's adapter*");
            view.Invoking(it => it.MergeIntoBase()).Should().Throw<InvalidOperationException>();
            view.Invoking(it => it.Merge()).Should().Throw<InvalidOperationException>();
        }

        foreach (var (name, weight) in model.Weights) weight.equal(before[name]).all().item<bool>().Should().BeTrue(name);
        GoldenModel.MaxDifference(Logits(model), own).Should().Be(0);
        GoldenModel.MaxDifference(Logits(view), apart).Should().Be(0);
        GoldenModel.MaxDifference(Logits(other), others).Should().Be(0);

        Tensor Logits(CausalLM of)
        {
            using var cache = of.NewCache(2, 5);
            var plain = of.Logits(of.Hidden(tokens));
            return cat([plain, of.InferenceLogits(of.Hidden(tokens, cache).flatten(0, 1)).view_as(plain)]);
        }
    }

    [Fact]
    public void Merge_ViewThatUnties_SavesAModelWithAHeadOfItsOwn()
    {
        using var scope = NewDisposeScope();
        using var directory = new TemporaryDirectory();
        using var model = TinyModels.Tied("qwen2");
        using var view = model.WithAdapter(TinyAdapters.Create(model, 1, modulesToSave: ["embed_tokens"]));
        using (no_grad()) view.Parameters["model.embed_tokens.weight"].add_(0.1);
        var tokens = randint(0, model.Config.VocabSize, [1, 5]);

        using (var merged = view.Merge()) merged.Save(directory.Path);
        using var loaded = CausalLM.Load(directory.Path);

        loaded.Config.TieWordEmbeddings.Should().BeFalse();
        GoldenModel.MaxDifference(loaded.Logits(loaded.Hidden(tokens)), view.Logits(view.Hidden(tokens))).Should().BeLessThan(1e-4);
    }

    [Fact]
    public void Merge_OfAModelOfItsOwn_IsRefused()
    {
        using var model = TinyModels.Create("llama", 1);

        model.Invoking(it => it.Merge()).Should().Throw<InvalidOperationException>().WithMessage("only a view*");
    }
}
