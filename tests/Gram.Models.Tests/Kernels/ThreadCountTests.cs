using Gram.Models.Generation;
using Gram.Models.Kernels;
using Gram.Models.Native;
using Gram.Models.Scoring;
using Gram.Models.Tests.Transformer;
using Gram.Models.Transformer;
using TorchSharp;
using static TorchSharp.torch;
using Generator = Gram.Models.Generation.Generator;

namespace Gram.Models.Tests.Kernels;

/// <summary>Kernels that share their work out give the same bits whatever the number of threads. All other tests run with one.</summary>
[Collection(nameof(ThreadCountTests)), CollectionDefinition(nameof(ThreadCountTests), DisableParallelization = true)]
public sealed class ThreadCountTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose()
    {
        Libtorch.SetThreads(1);
        scope.Dispose();
    }

    [Fact]
    public void EightBitAdamW_MoreThreads_GivesTheSameBits()
    {
        manual_seed(3);
        var (start, gradient) = (randn(100_000), randn(100_000));
        using var noGrad = no_grad();

        Same(() =>
        {
            var weight = start.clone();
            using var mean = EightBitMoment.Zeros(weight.numel(), DynamicMap.WithSign, CPU);
            using var square = EightBitMoment.Zeros(weight.numel(), DynamicMap.Positive, CPU);
            for (var step = 1; step <= 2; step++) EightBitAdamW.Step(weight, gradient, mean, square, new AdamWStep(0.1, 0.9, 0.95, 0, 1e-8, step));
            return [.. weight.data<float>(), .. mean.Codes.data<byte>().Select(code => (float)code)];
        });
    }

    [Theory]
    [InlineData("llama", ScalarType.Float32)]
    [InlineData("qwen2", ScalarType.BFloat16)]
    [InlineData("qwen3", ScalarType.Float32)]
    public void Generation_MoreThreads_DrawsTheSameTokens(string type, ScalarType dtype)
    {
        using var model = CausalLM.Create(Wide(type), new RandomSource(3), dtype);
        int[][] prompts = [.. Enumerable.Range(0, 5).Select(row => Enumerable.Range(0, 3 + (9 * row)).Select(token => (token * 7 % 40) + 3).ToArray())];
        var generator = new Generator(model, [], padToken: 0);

        Same(() => generator.Generate(prompts, new SamplingOptions { MaxNewTokens = 12, Temperature = 0.8, TopP = 0.9 }, greedy: true, samples: 1, new RandomSource(4), maxRows: 4, withLogProbs: true)
            .SelectMany(group => group.Samples.Append(group.Greedy!)).SelectMany(sequence => sequence.Tokens.Select(token => (float)token).Concat(sequence.LogProbs!)).ToArray());
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Kernels_ForwardAndBackward_GiveTheSameBits(ScalarType dtype)
    {
        manual_seed(6);
        var shape = new AttentionShape(2, 70, 6, 2, 32);
        var (q, k, v, x) = (randn(2, 70, 192).to(dtype), randn(2, 70, 64).to(dtype), randn(2, 70, 64).to(dtype), randn(2, 70, 192).to(dtype));
        var weight = randn(192).to(dtype);
        using var table = new RotaryTable(TinyModels.Config("llama", 1) with { HeadDim = 32 });
        using var model = CausalLM.Create(TinyModels.Config("llama", 1) with { NumHiddenLayers = 1, NumKeyValueHeads = 2, NumAttentionHeads = 6, HeadDim = 32 }, new RandomSource(1), dtype);

        Same(() =>
        {
            Tensor[] inputs = [.. new[] { q, k, v, x, weight }.Select(input => input.detach().clone().requires_grad_())];
            var attended = CausalAttention.Of(inputs[0], inputs[1], inputs[2], shape, table);
            var result = GatedActivation.Of(new RmsNorm(inputs[4], 1e-5).Forward(inputs[3]), attended);
            result.backward([x]);
            using var cache = model.NewCache(2, 80);
            var cached = CachedAttention.Of(q, k, v, shape, table, cache, 0);
            return Numbers([result, cached, .. inputs.Select(input => input.grad!)]);
        });
    }

    [Fact]
    public void HeadLogProbs_ForwardAndBackward_GiveTheSameBits()
    {
        manual_seed(7);
        var (hidden, weight, targets) = (randn(50, 16), randn(300, 16), randint(0, 300, 50));

        Same(() =>
        {
            var (h, w) = (hidden.detach().clone().requires_grad_(), weight.detach().clone().requires_grad_());
            var result = HeadLogProbs.Of(h, w, targets, 0.9, EntropyUse.WithGradient);
            result.sum().backward();
            return Numbers([result, h.grad!, w.grad!]);
        });
    }

    [Fact]
    public void GlobalNorm_MoreThreads_GivesTheSameBits()
    {
        Tensor[] tensors = [randn(300_000), randn(10)];

        Same(() => [(float)GlobalNorm.Of(tensors)]);
    }

    [Fact]
    public async Task Inference_FromSeveralThreads_GivesEachItsOwnAnswer()
    {
        using var model = CausalLM.Create(Wide("llama"), new RandomSource(3));
        int[][] prompts = [.. Enumerable.Range(0, 8).Select(row => Enumerable.Range(0, 4 + row).Select(token => ((token * 7) + row) % 40).ToArray())];
        var expected = prompts.Select(Generate).ToArray();

        var actual = await Task.WhenAll(prompts.Select(prompt => Task.Run(() => Generate(prompt))));

        actual.Should().BeEquivalentTo(expected, options => options.WithStrictOrdering());

        int[] Generate(int[] prompt) => [.. new Generator(model, [], 0).Generate([prompt], new SamplingOptions { MaxNewTokens = 20 }, greedy: true, samples: 0, new RandomSource(1))[0].Greedy!.Tokens];
    }

    private static Gram.Models.Checkpoints.ModelConfig Wide(string type) => TinyModels.Config(type, 1) with
    {
        VocabSize = 20_000, HiddenSize = 96, IntermediateSize = 200, NumHiddenLayers = 2, NumAttentionHeads = 6, NumKeyValueHeads = 2, HeadDim = 32, InitializerRange = 0.1,
    };

    private static float[] Numbers(Tensor[] tensors) => [.. tensors.SelectMany(tensor => tensor.detach().to(ScalarType.Float32).flatten().data<float>().ToArray())];

    private static void Same(Func<float[]> run)
    {
        var alone = run();
        foreach (var threads in new[] { 2, 3 })
        {
            Libtorch.SetThreads(threads);
            run().Should().Equal(alone, "{0} threads", threads);
        }
        Libtorch.SetThreads(1);
    }
}
