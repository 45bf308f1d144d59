using Gram.Models.Native;
using Gram.Models.Tests.Transformer.Lora;
using Gram.Models.Tokenization;
using Gram.Models.Transformer;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Tests.Transformer;

/// <summary>Models whose blocks' linears are int8: what they compute, how far that is from the float model, and what they refuse.</summary>
public sealed class Int8ModelTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose()
    {
        scope.Dispose();
        directory.Dispose();
    }

    [Theory]
    [InlineData("llama")]
    [InlineData("qwen2")]
    [InlineData("qwen3")]
    public void Load_Int8_ComputesWithTheRoundedWeights(string type)
    {
        using var model = Saved(type);
        using var int8 = CausalLM.Load(new ModelLocation(directory.Path), quantize: true);
        using var rounded = model.Clone();
        using (no_grad())
        {
            foreach (var (name, weight) in rounded.Weights.Where(weight => weight.Key.EndsWith("_proj.weight", StringComparison.Ordinal)))
            {
                var (integers, scale) = Int8Linear.Quantize(weight);
                weight.copy_(integers.to(ScalarType.Float32) * scale.unsqueeze(1));
            }
        }
        rounded.WeightsChanged();
        var tokens = Tokens(model);

        int8.IsInt8.Should().BeTrue();
        GoldenModel.MaxDifference(Logits(int8, tokens), Logits(rounded, tokens)).Should().BeLessThan(1e-3);
        GoldenModel.MaxDifference(Decoded(int8, tokens), Logits(rounded, tokens)).Should().BeLessThan(1e-3);
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Load_Int8_LogitsStayWithinATwentiethOfTheirSpread(ScalarType dtype)
    {
        using var model = Saved("llama");
        using var int8 = CausalLM.Load(new ModelLocation(directory.Path), dtype, quantize: true);
        var tokens = Tokens(model);

        RelativeError(Logits(int8, tokens), Logits(model, tokens)).Should().BeGreaterThan(0).And.BeLessThan(0.05);
    }

    /// <summary>Measured: 0.03 to 0.07 of the logits' spread, 0.003 to 0.009 nats (bfloat16 alone: 0.02 to 0.04, 0.001 to 0.002).</summary>
    [SkippableTheory]
    [InlineData("The quick brown fox jumps over the lazy dog, and then it goes home to sleep for a long time.")]
    [InlineData("def fibonacci(n):\n    if n < 2: return n\n    return fibonacci(n - 1) + fibonacci(n - 2)\n")]
    public void Load_Int8OfSmolLM2_StaysNearTheFloatModel(string text)
    {
        var path = TestModels.SmolLM2();
        using var noGrad = no_grad();
        using var model = CausalLM.Load(path);
        using var int8 = CausalLM.Load(new ModelLocation(path), ScalarType.BFloat16, quantize: true);
        long[] ids = [.. Tokenizer.Load(path).Encode(text).Select(id => (long)id)];
        var tokens = tensor(ids, [1, ids.Length]);

        var (expected, actual) = (Logits(model, tokens), Decoded(int8, tokens));

        RelativeError(actual, expected).Should().BeLessThan(0.12);
        var logProbs = expected.log_softmax(-1);
        (logProbs.exp() * (logProbs - actual.log_softmax(-1))).sum(-1).mean().item<float>().Should().BeLessThan(0.02f, "KL in nats a token");
    }

    [Fact]
    public void Load_AdapterOverInt8_AddsTheAdapter()
    {
        using var model = Saved("qwen3");
        using var int8 = CausalLM.Load(new ModelLocation(directory.Path), quantize: true);
        using var adapter = TinyAdapters.Create(model, 3);
        using var view = int8.WithAdapter(adapter.Clone());
        using var expected = model.WithAdapter(adapter.Clone());
        var tokens = Tokens(model);

        RelativeError(Logits(view, tokens), Logits(expected, tokens)).Should().BeLessThan(0.05);
        RelativeError(Decoded(view, tokens), Logits(expected, tokens)).Should().BeLessThan(0.05);
        view.Invoking(it => it.Merge()).Should().Throw<InvalidOperationException>().WithMessage("*only run, and not merged into*");
    }

    [Fact]
    public void Int8Model_IsOnlyRun()
    {
        using var model = Saved("llama");
        using var int8 = CausalLM.Load(new ModelLocation(directory.Path), quantize: true);

        int8.Invoking(it => it.SetTrainable(true)).Should().Throw<InvalidOperationException>().WithMessage("*only run, and not trained*");
        int8.Invoking(it => it.Clone()).Should().Throw<InvalidOperationException>();
        int8.Invoking(it => it.Save(directory.Path)).Should().Throw<InvalidOperationException>();
    }

    private CausalLM Saved(string type)
    {
        var model = TinyModels.Create(type, 2);
        model.Save(directory.Path);
        return model;
    }

    // The same in every run: how far rounding carries the logits depends on them.
    private static Tensor Tokens(CausalLM model) => ((arange(12) * 7) + 3).remainder(model.Config.VocabSize).unsqueeze(0);

    private static Tensor Logits(CausalLM model, Tensor tokens) => model.Logits(model.Hidden(tokens))[0].to(ScalarType.Float32);

    private static Tensor Decoded(CausalLM model, Tensor tokens)
    {
        using var cache = model.NewCache(1, (int)tokens.shape[1]);
        return cat([.. Enumerable.Range(0, (int)tokens.shape[1]).Select(t => model.Decode(tokens.select(1, t), cache))]);
    }

    /// <summary>Root mean square of the difference, as a share of the logits' standard deviation.</summary>
    private static double RelativeError(Tensor actual, Tensor expected) => ((actual - expected).square().mean().sqrt() / expected.std()).item<float>();
}
