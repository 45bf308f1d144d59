using Gram.Models.Checkpoints;
using Gram.Models.Generation;
using Gram.Models.Scoring;
using Gram.Models.Tests.Tokenization;
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

    /// <summary>ppo.md, invariants 3 and 9: neither the neighbours, nor who had a place before, change a bit of a row.</summary>
    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(5, 1)]
    [InlineData(5, 1.3)]
    [InlineData(64, 1)]
    public void Generate_OtherBatchSizes_SameResponses(int maxRows, double repetitionPenalty)
    {
        // A third of the words end a response, so rows end at different steps and others take their places.
        var endTokens = Enumerable.Range(0, 20).ToArray();
        var options = new SamplingOptions { MaxNewTokens = 16, Temperature = 1.2, TopP = 0.95, RepetitionPenalty = repetitionPenalty };
        var reference = Generate(Prompts, options, samples: 6, endTokens: endTokens, maxRows: 28);
        reference.SelectMany(group => group.Samples).Select(sample => sample.Tokens.Length).Distinct().Count().Should().BeGreaterThan(4);

        Generate(Prompts, options, samples: 6, endTokens: endTokens, maxRows: maxRows).Should().BeEquivalentTo(reference, o => o.WithStrictOrdering());
    }

    /// <summary>Prompts of 58 tokens are long enough that a prefill ends where shorter ones begin; those of 40 end it by their number.</summary>
    [Theory]
    [InlineData(40)]
    [InlineData(58)]
    public void Generate_MorePromptsThanOnePrefillTakes_EachAnswersItsOwn(int longest)
    {
        int[][] prompts = [.. Enumerable.Range(0, 75).Select(i => Enumerable.Range(i, 1 + (i * 7 % longest)).Select(id => id % Config.VocabSize).ToArray())];
        var options = new SamplingOptions { MaxNewTokens = 6 };
        var groups = Generate(prompts, options, samples: 0, maxRows: 4);
        for (var i = 0; i < prompts.Length; i++) AssertSame(Generate([prompts[i]], options, samples: 0)[0].Greedy!, groups[i].Greedy!);
    }

    /// <summary>Work, not only results: a step runs the rows that are left, and an ended row's place is taken at once.</summary>
    [Fact]
    public void Generate_ResponsesThatEndEarly_LeaveNoEmptySteps()
    {
        // Of three responses of 3, 3 and 60 tokens, two at a time, the short ones share one place: they are heard one after the other.
        int[] nearTheEnd = [.. Enumerable.Range(0, 61).Select(i => i % Config.VocabSize)];
        List<GeneratedToken> heard = [];
        new Generator(model, [], 0).Generate([nearTheEnd, nearTheEnd, [1]], new SamplingOptions { MaxNewTokens = 60 }, greedy: true, samples: 0, new RandomSource(1), maxRows: 2, onToken: heard.Add);

        heard.Take(6).Select(token => token.Place.Prompt).Should().Equal(0, 1, 0, 1, 0, 1);
        heard.Skip(6).Select(token => token.Place.Prompt).Should().HaveCount(60).And.OnlyContain(prompt => prompt == 2);

        heard.Clear();
        new Generator(model, [], 0).Generate([nearTheEnd, [1], [2]], new SamplingOptions { MaxNewTokens = 6 }, greedy: true, samples: 0, new RandomSource(1), maxRows: 2, onToken: heard.Add);
        // After the third token of prompt 0 its place is prompt 2's, in the same step.
        heard.Select(token => token.Place.Prompt).Should().Equal(0, 1, 0, 1, 0, 1, 2, 2, 1, 2, 1, 2, 1, 2, 2);
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
        (free.End, ended.End).Should().Be((ResponseEnd.Length, ResponseEnd.EndToken));
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

    [Theory]
    [InlineData(-1)]
    [InlineData(61)]
    public void Generate_TokenOutsideTheVocabulary_IsAnError(int token)
    {
        var generate = () => Generate([[5], [6, token]], new SamplingOptions());
        generate.Should().Throw<GramException>().WithMessage($"prompt 2 has token {token}, and the model's vocabulary 61: *");
        model.Invoking(it => it.Decode(tensor([(long)token]), it.NewCache(1, 4))).Should().Throw<ArgumentOutOfRangeException>("the kernel reads the embedding by itself");
    }

    [Fact]
    public void Generate_PadTokenOutsideTheVocabulary_IsAsGoodAsAnother() =>
        Tokens(new Generator(model, [], padToken: -1).Generate(Prompts, new SamplingOptions { MaxNewTokens = 5 }, greedy: true, samples: 1, new RandomSource(1)))
            .Should().BeEquivalentTo(Tokens(new Generator(model, [], padToken: 0).Generate(Prompts, new SamplingOptions { MaxNewTokens = 5 }, greedy: true, samples: 1, new RandomSource(1))));

    [Fact]
    public void Generate_BeyondTheFirstRoomOfTheCache_GoesOn()
    {
        using var longer = CausalLM.Create(Config with { MaxPositionEmbeddings = 1024 }, new RandomSource(3));
        var groups = new Generator(longer, [], padToken: 0).Generate(Prompts, new SamplingOptions { MaxNewTokens = 600 }, greedy: true, samples: 0, new RandomSource(1), maxRows: 3);

        // One token after another in a cache of full length.
        for (var i = 0; i < Prompts.Length; i++)
        {
            using var scope = NewDisposeScope();
            using var cache = longer.NewCache(1, 1024);
            List<int> tokens = [.. Prompts[i]];
            foreach (var token in Prompts[i][..^1]) longer.Decode(tensor([(long)token]), cache).Dispose();
            for (var t = 0; t < 600; t++) tokens.Add((int)longer.Decode(tensor([(long)tokens[^1]]), cache).argmax(-1).item<long>());
            groups[i].Greedy!.Tokens.Should().Equal(tokens[Prompts[i].Length..]);
        }
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
        samples.SelectMany(row => row.Sample.LogProbs!).Should().Equal(expected, (a, e) => Math.Abs(a - e) < 1e-4);
        groups.Should().OnlyContain(group => group.Greedy!.Kept == null);
    }

    [Fact]
    public void Generate_LogProbsNotAskedFor_SameTokensAlone()
    {
        var options = new SamplingOptions { MaxNewTokens = 8, TopP = 0.9 };
        var with = Generate(Prompts, options);
        var without = new Generator(model, [], 0).Generate(Prompts, options, greedy: true, samples: 2, new RandomSource(1));
        Tokens(without).Should().BeEquivalentTo(Tokens(with), o => o.WithStrictOrdering());
        without.SelectMany(group => group.Samples).Should().OnlyContain(sample => sample.LogProbs == null && sample.Kept == null && sample.Text == null);
    }

    /// <summary>transformers' RepetitionPenaltyLogitsProcessor at a size that forbids what was seen: prompt and response tokens never come again.</summary>
    [Fact]
    public void Generate_HugeRepetitionPenalty_RepeatsNoToken()
    {
        // With an embedding of small numbers, logits of either sign: a negative one becomes the least, a positive one nearly 0.
        var groups = Generate(Prompts, new SamplingOptions { MaxNewTokens = 12, RepetitionPenalty = 100, Temperature = 0.05 });
        foreach (var (group, prompt) in groups.Zip(Prompts))
        {
            foreach (var response in (GeneratedSequence[])[group.Greedy!, .. group.Samples])
                prompt.Concat(response.Tokens).Should().OnlyHaveUniqueItems();
        }
    }

    [Fact]
    public void Generate_StopString_EndsTheResponseAndIsCutOff()
    {
        using var directory = new TemporaryDirectory();
        var tokenizer = ByteLevelTokenizer.Load(directory, ByteLevelTokenizer.Json());
        using var bytes = CausalLM.Create(Config with { VocabSize = 259 }, new RandomSource(4));
        var generator = new Generator(bytes, [], 0, tokenizer);
        List<GeneratedToken> heard = [];
        var free = Sample([]);
        free.Text.Should().Be(tokenizer.Decode(free.Tokens));
        free.End.Should().Be(ResponseEnd.Length);

        // Three characters from the text's middle; before them nothing else of the text is them.
        var stop = free.Text!.Substring(free.Text.Length / 2, 3);
        var stopped = Sample([stop, "never there"]);

        stopped.End.Should().Be(ResponseEnd.StopString);
        stopped.Ended.Should().BeTrue();
        stopped.Text.Should().Be(free.Text[..free.Text.IndexOf(stop, StringComparison.Ordinal)]);
        stopped.Tokens.Should().Equal(free.Tokens.Take(stopped.Tokens.Length));
        // As soon as the text holds it: not a token later.
        tokenizer.Decode(stopped.Tokens).Should().Contain(stop);
        string.Concat(stopped.Tokens[..^1].Select(new TextStreamer(tokenizer).Push)).Should().NotContain(stop);
        string.Concat(heard.Select(token => token.Piece)).Should().Be(stopped.Text);
        heard.Select(token => token.Token).Should().Equal(stopped.Tokens);
        heard.Select(token => token.End).Should().Equal([.. Enumerable.Repeat<ResponseEnd?>(null, heard.Count - 1), ResponseEnd.StopString]);

        GeneratedSequence Sample(string[] stops) =>
            generator.Generate([[1, 2]], new SamplingOptions { MaxNewTokens = 60, Stop = stops }, greedy: false, samples: 1, new RandomSource(2), onToken: stops.Length > 0 ? heard.Add : null)[0].Samples[0];
    }

    [Fact]
    public void Generate_StopStringsWithoutATokenizer_AreRefused()
    {
        var generate = () => Generate(Prompts, new SamplingOptions { Stop = ["."] });
        generate.Should().Throw<ArgumentException>().WithMessage("*tokenizer*");
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
        new Generator(model, endTokens ?? [], padToken: 0).Generate(prompts, options, greedy: true, samples, new RandomSource(seed), maxRows, withLogProbs: true);

    private static IEnumerable<int[]> Tokens(IEnumerable<GeneratedGroup> groups) => groups.SelectMany(group => group.Samples).Select(sample => sample.Tokens);

    private static void AssertSame(GeneratedSequence actual, GeneratedSequence expected)
    {
        actual.Tokens.Should().Equal(expected.Tokens);
        actual.End.Should().Be(expected.End);
        actual.LogProbs.Should().Equal(expected.LogProbs!, (a, e) => Math.Abs(a - e) < 1e-4);
    }
}
