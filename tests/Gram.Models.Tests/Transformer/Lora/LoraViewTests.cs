using Gram.Models.Transformer;
using Gram.Models.Transformer.Lora;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Tests.Transformer.Lora;

/// <summary>Views over one base: what each computes, shares and leaves alone.</summary>
public sealed class LoraViewTests
{
    public static IEnumerable<object[]> Tiny => TinyModels.Cases;

    [Theory]
    [MemberData(nameof(Tiny))]
    public void Logits_OfTwoViewsAndTheirBase_AreEachItsOwn(string type, ulong seed)
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Create(type, seed);
        using var first = model.WithAdapter(TinyAdapters.Create(model, seed));
        using var second = model.WithAdapter(TinyAdapters.Create(model, seed + 10));
        var tokens = randint(0, model.Config.VocabSize, [2, 7]);
        var before = model.Weights.ToDictionary(weight => weight.Key, weight => weight.Value.clone());

        var (one, two, none) = (Logits(first), Logits(second), Logits(model)); // interleaved, plain and cached
        var again = Logits(first);

        GoldenModel.MaxDifference(one, Brute(first)).Should().BeLessThan(1e-3);
        GoldenModel.MaxDifference(two, Brute(second)).Should().BeLessThan(1e-3);
        GoldenModel.MaxDifference(one, two).Should().BeGreaterThan(1e-2);
        GoldenModel.MaxDifference(one, none).Should().BeGreaterThan(1e-2);
        GoldenModel.MaxDifference(one, again).Should().Be(0);
        foreach (var (name, weight) in model.Weights) GoldenModel.MaxDifference(weight, before[name]).Should().Be(0, name);

        Tensor Logits(CausalLM of)
        {
            using var cache = of.NewCache(2, 7);
            var plain = of.Logits(of.Hidden(tokens));
            return cat([plain, of.InferenceLogits(of.Hidden(tokens, cache).flatten(0, 1)).view_as(plain)]);
        }

        // A model whose weights were added up by hand.
        Tensor Brute(CausalLM view)
        {
            using var whole = model.Clone();
            foreach (var (module, (a, b, scale)) in view.Adapter!.Linears) whole.Weights[module + ".weight"].add_(b.mm(a) * scale);
            return Logits(whole);
        }
    }

    [Theory]
    [MemberData(nameof(Tiny))]
    public void Hidden_CachedInPieces_EqualsOnePass(string type, ulong seed)
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Create(type, seed);
        using var view = model.WithAdapter(TinyAdapters.Create(model, seed));
        var tokens = randint(0, model.Config.VocabSize, [3, 11]);
        var whole = view.Hidden(tokens);

        using var cache = view.NewCache(rows: 3, capacity: 16);
        var pieces = new[] { (0, 4), (4, 1), (5, 5), (10, 1) }.Select(piece => view.Hidden(tokens.narrow(1, piece.Item1, piece.Item2), cache)).ToList();

        GoldenModel.MaxDifference(cat(pieces, 1), whole).Should().BeLessThan(2e-4);
    }

    [Fact]
    public void Hidden_OverABFloat16Base_IsAsCloseToFloat32AsTheBaseItself()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Create("llama", 1, ScalarType.BFloat16);
        using var view = model.WithAdapter(TinyAdapters.Create(model, 1));
        using var wide = model.Clone(ScalarType.Float32);
        using var exact = wide.WithAdapter(view.Adapter!.Clone());
        var tokens = randint(0, model.Config.VocabSize, [4, 12]);
        using var cache = view.NewCache(4, 12);
        view.SetTrainable(true);

        var (plain, cached) = (view.Hidden(tokens), view.Hidden(tokens, cache));
        plain.sum().backward();

        view.Parameters.Values.Should().OnlyContain(parameter => parameter.dtype == ScalarType.Float32 && parameter.grad!.dtype == ScalarType.Float32);
        var rounding = Error(model.Hidden(tokens), wide);
        foreach (var hidden in new[] { plain, cached })
        {
            hidden.dtype.Should().Be(ScalarType.BFloat16);
            Error(hidden, exact).Should().BeLessThan(2 * rounding);
        }

        float Error(Tensor hidden, CausalLM of) => (hidden.to(ScalarType.Float32) - of.Hidden(tokens)).abs().mean().item<float>();
    }

    [Fact]
    public void Create_NewAdapter_ChangesNothingAndDrawsAAsPeftDoes()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Create("qwen2", 1);
        using var view = model.WithAdapter(LoraAdapter.Create(new() { Rank = 64 }, model, new RandomSource(3)));
        using var same = LoraAdapter.Create(new() { Rank = 64 }, model, new RandomSource(3));
        var tokens = randint(0, model.Config.VocabSize, [2, 5]);

        GoldenModel.MaxDifference(view.Hidden(tokens), model.Hidden(tokens)).Should().Be(0);
        view.Adapter!.Linears.Should().HaveCount(7 * model.Config.NumHiddenLayers);
        foreach (var (module, (a, b, scale)) in view.Adapter.Linears)
        {
            var bound = 1 / Math.Sqrt(a.shape[1]); // uniform in ±bound: deviation bound / √3
            a.abs().max().item<float>().Should().BeInRange((float)(0.9 * bound), (float)bound);
            a.std().item<float>().Should().BeApproximately((float)(bound / Math.Sqrt(3)), (float)(0.1 * bound));
            b.count_nonzero().item<long>().Should().Be(0);
            scale.Should().Be(8.0 / 64);
            GoldenModel.MaxDifference(a, same.Linears[module].A).Should().Be(0);
        }
    }

    [Fact]
    public void Parameters_OfAView_AreTheAdaptersAndTheBaseStaysFrozen()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Create("qwen3", 1);
        using var view = model.WithAdapter(TinyAdapters.Create(model, 1, modulesToSave: ["embed_tokens", "model.norm"]));

        view.SetTrainable(true);
        view.Hidden(randint(0, model.Config.VocabSize, [2, 5])).square().sum().backward();

        view.Parameters.Keys.Should().Contain(["model.layers.0.mlp.down_proj.lora_A.weight", "model.embed_tokens.weight", "model.norm.weight"]);
        view.Parameters.Keys.Where(name => !name.Contains("lora_")).Should().HaveCount(2);
        foreach (var (name, parameter) in view.Parameters) parameter.grad!.abs().sum().item<float>().Should().BePositive(name);
        model.Weights.Values.Should().OnlyContain(weight => !weight.requires_grad);
        view.Weights["model.embed_tokens.weight"].Should().BeSameAs(view.Parameters["model.embed_tokens.weight"]);
    }

    [Fact]
    public void WithAdapter_CopyOfATiedEmbedding_LeavesTheHeadTheBases()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Tied("llama");
        using var view = model.WithAdapter(TinyAdapters.Create(model, 1, modulesToSave: ["embed_tokens"]));
        using var headed = model.WithAdapter(TinyAdapters.Create(model, 1, modulesToSave: ["lm_head"]));
        var hidden = randn(2, model.Config.HiddenSize);
        using (no_grad())
        {
            view.Parameters["model.embed_tokens.weight"].zero_();
            headed.Parameters["lm_head.weight"].zero_();
        }

        GoldenModel.MaxDifference(view.Logits(hidden), model.Logits(hidden)).Should().Be(0);
        view.Hidden(zeros(1, 1, ScalarType.Int64)).abs().max().item<float>().Should().Be(0);
        headed.Logits(hidden).abs().max().item<float>().Should().Be(0);
        headed.LogitsOf(hidden, [1]).abs().max().item<float>().Should().Be(0);
        view.Config.TieWordEmbeddings.Should().BeFalse();
    }

    [Fact]
    public void Hidden_CopyOfALinear_IsUsedPackedAndPlain()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Create("llama", 2);
        using var view = model.WithAdapter(TinyAdapters.Create(model, 1, modulesToSave: ["layers.0.mlp.down_proj"]));
        using (no_grad()) view.Parameters["model.layers.0.mlp.down_proj.weight"].mul_(-2);
        view.WeightsChanged();
        var tokens = randint(0, model.Config.VocabSize, [1, 6]);
        using var cache = view.NewCache(1, 6);

        GoldenModel.MaxDifference(view.Hidden(tokens, cache), view.Hidden(tokens)).Should().BeLessThan(1e-4);
        view.Adapter!.Linears.Should().NotContainKey("model.layers.0.mlp.down_proj").And.ContainKey("model.layers.0.mlp.up_proj");
    }

    [Fact]
    public void Clone_OfAView_SharesTheBaseAndOwnsItsAdapter()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Create("llama", 1);
        using var view = model.WithAdapter(TinyAdapters.Create(model, 1));
        using var clone = view.Clone();
        var tokens = randint(0, model.Config.VocabSize, [1, 4]);
        var before = view.Hidden(tokens);

        using (no_grad()) foreach (var parameter in clone.Parameters.Values) parameter.zero_();

        GoldenModel.MaxDifference(view.Hidden(tokens), before).Should().Be(0);
        GoldenModel.MaxDifference(clone.Hidden(tokens), model.Hidden(tokens)).Should().Be(0);
        clone.Weights["model.norm.weight"].Should().BeSameAs(model.Weights["model.norm.weight"]);
    }

    [Fact]
    public void WithAdapter_OnAView_IsRefused()
    {
        using var model = TinyModels.Create("llama", 1);
        using var view = model.WithAdapter(TinyAdapters.Create(model, 1));
        using var adapter = TinyAdapters.Create(model, 2);

        view.Invoking(it => it.WithAdapter(adapter)).Should().Throw<ArgumentException>().WithMessage("*second adapter*");
    }

    [Fact]
    public void Adapters_OnceDisposed_LeaveNothing()
    {
        using var model = TinyModels.Create("llama", 1);
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;

        using (var adapter = LoraAdapter.Create(new() { Rank = 2, ModulesToSave = ["lm_head"] }, model, new RandomSource(3)))
        using (adapter.Clone())
        {
        }

        DisposeScopeManager.Statistics.ThreadTotalLiveCount.Should().Be(before);
    }

    [Fact]
    public void Forward_OfAView_LeaksNothing()
    {
        using var model = TinyModels.Create("llama", 1);
        using var view = model.WithAdapter(TinyAdapters.Create(model, 1));
        var tokens = zeros(1, 3, ScalarType.Int64);
        Run();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;

        Run();

        DisposeScopeManager.Statistics.ThreadTotalLiveCount.Should().Be(before);

        void Run()
        {
            using var scope = NewDisposeScope();
            using var cache = view.NewCache(1, 4);
            view.Hidden(tokens, cache);
            view.Hidden(tokens);
        }
    }
}
