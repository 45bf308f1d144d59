using Gram.Models.Checkpoints;
using Gram.Models.Generation;
using Gram.Models.Scoring;
using Gram.Models.Tokenization;
using Gram.Models.Transformer;
using TorchSharp;
using static TorchSharp.torch;
using Generator = Gram.Models.Generation.Generator;

namespace Gram.Models.Tests.Generation;

public sealed class GeneratorTests : IDisposable
{
    private static readonly int[][] Prompts = [[5, 6, 7], [8, 9, 10, 11, 12, 13, 14, 15], [16], [17, 18, 19]];

    private static readonly ModelConfig Config = new()
    {
        ModelType = "qwen3",
        VocabSize = 61,
        HiddenSize = 32,
        IntermediateSize = 48,
        NumHiddenLayers = 2,
        NumAttentionHeads = 4,
        NumKeyValueHeads = 2,
        HeadDim = 8,
        MaxPositionEmbeddings = 64,
        RmsNormEps = 1e-6,
        RopeTheta = 10_000,
        TieWordEmbeddings = true,
        InitializerRange = 0.2,
    };

    private readonly CausalLM model = CausalLM.Create(Config, new RandomSource(3));

    public void Dispose() => model.Dispose();

    [Fact]
    public void Generate_SameSeed_SameTokens()
    {
        var options = new SamplingOptions { MaxNewTokens = 12 };
        var first = Generate(Prompts, options, seed: 1);
        Generate(Prompts, options, seed: 1).Should().BeEquivalentTo(first, o => o.WithStrictOrdering());
        Tokens(Generate(Prompts, options, seed: 2)).Should().NotBeEquivalentTo(Tokens(first));
    }

    [Fact]
    public void Generate_TwoSamplesOfAPrompt_Differ()
    {
        var group = Generate(Prompts, new SamplingOptions { MaxNewTokens = 12 })[0];
        group.Samples[0].Tokens.Should().NotEqual(group.Samples[1].Tokens);
    }

    /// <summary>ppo.md, invariants 3 and 9: neither the neighbours, nor their padding, nor their having ended, change a row.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(64)]
    public void Generate_OtherBatchSizes_SameResponses(int maxRows)
    {
        // A third of the words end a response, so rows end at different steps and leave the batch.
        var endTokens = Enumerable.Range(0, 20).ToArray();
        var options = new SamplingOptions { MaxNewTokens = 16, Temperature = 1.2 };
        var reference = Generate(Prompts, options, endTokens: endTokens, maxRows: 12);
        AssertSame(Generate(Prompts, options, endTokens: endTokens, maxRows: maxRows), reference);
    }

    [Fact]
    public void Generate_PromptAlone_GreedyAsInABatch()
    {
        var options = new SamplingOptions { MaxNewTokens = 10 };
        var batch = Generate(Prompts, options, samples: 0);
        for (var i = 0; i < Prompts.Length; i++)
            AssertSame(Generate([Prompts[i]], options, samples: 0)[0].Greedy!, batch[i].Greedy!);
    }

    [Fact]
    public void Generate_EqualLogits_GreedyTakesTheLowestId()
    {
        using var flat = CausalLM.Create(Config with { InitializerRange = 0 }, new RandomSource(1));
        new Generator(flat, [], 0).Generate([[1, 2]], new SamplingOptions { MaxNewTokens = 3 }, greedy: true, samples: 0, new RandomSource(1))[0]
            .Greedy!.Tokens.Should().Equal(0, 0, 0);
    }

    [Fact]
    public void Generate_EndToken_EndsTheResponseAndIsPartOfIt()
    {
        var options = new SamplingOptions { MaxNewTokens = 10 };
        var free = Generate([Prompts[0]], options, samples: 0)[0].Greedy!;
        free.Ended.Should().BeFalse();
        free.Tokens.Should().HaveCount(10);

        var end = free.Tokens[4];
        var ended = Generate([Prompts[0]], options, endTokens: [60, end], samples: 0)[0].Greedy!;
        ended.Ended.Should().BeTrue();
        ended.Tokens.Should().Equal(free.Tokens.Take(Array.IndexOf(free.Tokens, end) + 1));
        ended.LogProbs.Should().HaveSameCount(ended.Tokens);
    }

    [Fact]
    public void Generate_AtTheContextsEnd_StopsThere()
    {
        var prompt = Enumerable.Range(0, 60).ToArray();
        var groups = Generate([prompt, [1]], new SamplingOptions { MaxNewTokens = 30 });
        groups[0].Greedy!.Tokens.Should().HaveCount(4);
        groups[0].Samples.Should().OnlyContain(sample => sample.Tokens.Length == 4 && !sample.Ended);
        groups[1].Greedy!.Tokens.Should().HaveCount(30);
    }

    [Fact]
    public void Generate_PromptThatFillsTheContext_IsAnError()
    {
        var generate = () => Generate([[1], Enumerable.Range(0, 64).Select(_ => 1).ToArray()], new SamplingOptions());
        generate.Should().Throw<GramException>().WithMessage("prompt 2 is longer than the context: 64 tokens*room for 64*");
    }

    [Fact]
    public void Generate_EmptyPrompt_IsAnError()
    {
        var generate = () => Generate([[1], []], new SamplingOptions());
        generate.Should().Throw<GramException>().WithMessage("prompt 2 is empty*");
    }

    [Fact]
    public void Generate_Cancelled_Stops()
    {
        using var source = new CancellationTokenSource();
        source.Cancel();
        var generate = () => new Generator(model, [], 0).Generate(Prompts, new SamplingOptions(), true, 1, new RandomSource(1), cancellationToken: source.Token);
        generate.Should().Throw<OperationCanceledException>();
    }

    /// <summary>Behaviour and learner agree: the recorded log-probs are what the scorer finds, filters included.</summary>
    [Theory]
    [InlineData(1.0, 0, 1.0)]
    [InlineData(0.7, 0, 1.0)]
    [InlineData(1.3, 0, 0.8)]
    [InlineData(0.9, 7, 0.95)]
    public void Generate_LogProbs_AreTheScorers(double temperature, int topK, double topP)
    {
        var options = new SamplingOptions { MaxNewTokens = 10, Temperature = temperature, TopK = topK, TopP = topP };
        var groups = Generate(Prompts, options);
        var samples = groups.SelectMany((group, i) => group.Samples.Select(sample => (Prompt: Prompts[i], Sample: sample))).ToArray();
        samples.Should().OnlyContain(row => (row.Sample.Kept == null) == !options.Filters);

        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        using var batch = new SequenceBatch([.. samples.Select(row => row.Prompt)], [.. samples.Select(row => row.Sample.Tokens)], 0, [.. samples.Select(row => row.Sample.Kept)]);
        var expected = TokenScorer.Score(model, batch, temperature).LogProbs.data<float>().ToArray();
        samples.SelectMany(row => row.Sample.LogProbs).Should().Equal(expected, (a, e) => Math.Abs(a - e) < 1e-4);
        groups.Should().OnlyContain(group => group.Greedy!.Kept == null);
    }

    [Fact]
    public void Generate_Called_LeaksNoTensors()
    {
        var options = new SamplingOptions { MaxNewTokens = 8, TopK = 5, TopP = 0.9 };
        Generate(Prompts, options, endTokens: [.. Enumerable.Range(0, 20)]);
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        Generate(Prompts, options, endTokens: [.. Enumerable.Range(0, 20)]);
        DisposeScopeManager.Statistics.ThreadTotalLiveCount.Should().Be(before);
    }

    [SkippableFact]
    public void Generate_SmolLM2_KnowsTheCapitalOfFrance()
    {
        var directory = TestModels.SmolLM2();
        using var smol = CausalLM.Load(directory, ScalarType.BFloat16);
        var tokenizer = Tokenizer.Load(directory);
        var template = ChatTemplate.Recognise(tokenizer.ChatTemplateSource!);
        var prompt = template.Encode(tokenizer, [new ChatMessage("user", "What is the capital of France?")], addGenerationPrompt: true);
        var answer = new Generator(smol, smol.Config.EosTokenIds, 0).Generate([prompt], new SamplingOptions { MaxNewTokens = 16 }, greedy: true, samples: 0, new RandomSource(1))[0].Greedy!;
        tokenizer.Decode(answer.Tokens).Should().Be("The capital of France is Paris.");
        answer.Ended.Should().BeTrue();
    }

    private IReadOnlyList<GeneratedGroup> Generate(int[][] prompts, SamplingOptions options, int samples = 2, ulong seed = 1, int[]? endTokens = null, int maxRows = 64) =>
        new Generator(model, endTokens ?? [], padToken: 0).Generate(prompts, options, greedy: true, samples, new RandomSource(seed), maxRows);

    private static IEnumerable<int[]> Tokens(IEnumerable<GeneratedGroup> groups) => groups.SelectMany(group => group.Samples).Select(sample => sample.Tokens);

    private static void AssertSame(IReadOnlyList<GeneratedGroup> actual, IReadOnlyList<GeneratedGroup> expected)
    {
        actual.Should().HaveSameCount(expected);
        foreach (var (a, e) in actual.Zip(expected))
        {
            AssertSame(a.Greedy!, e.Greedy!);
            foreach (var (sample, other) in a.Samples.Zip(e.Samples)) AssertSame(sample, other);
        }
    }

    private static void AssertSame(GeneratedSequence actual, GeneratedSequence expected)
    {
        actual.Tokens.Should().Equal(expected.Tokens);
        actual.Ended.Should().Be(expected.Ended);
        actual.LogProbs.Should().Equal(expected.LogProbs, (a, e) => Math.Abs(a - e) < 1e-4);
    }
}
