using System.Text.Json.Nodes;
using FluentAssertions.Execution;
using Gram.Models.Checkpoints;
using Gram.Models.Transformer;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Tests.Transformer;

public sealed class CausalLMTests
{
    public static IEnumerable<object[]> Tiny => TinyModels.Cases;

    [Theory]
    [MemberData(nameof(Tiny))]
    public void Hidden_CachedInPieces_EqualsOnePass(string type, ulong seed)
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Create(type, seed);
        var tokens = randint(0, model.Config.VocabSize, [3, 11]);
        var whole = model.Hidden(tokens);

        using var cache = model.NewCache(rows: 3, capacity: 16);
        var pieces = new[] { (0, 4), (4, 1), (5, 5), (10, 1) }.Select(piece => model.Hidden(tokens.narrow(1, piece.Item1, piece.Item2), cache)).ToList();

        GoldenModel.MaxDifference(cat(pieces, 1), whole).Should().BeLessThan(1e-4);
        cache.Lengths.ToArray().Should().AllBeEquivalentTo(11);
    }

    [Theory]
    [MemberData(nameof(Tiny))]
    public void Hidden_CachedRowsOfDifferentLengths_EqualsEachRowAlone(string type, ulong seed)
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Create(type, seed);
        var tokens = randint(0, model.Config.VocabSize, [3, 10]);
        int[] lengths = [6, 2, 4];

        using var cache = model.NewCache(rows: 3, capacity: 10);
        model.Hidden(tokens[.., ..6], cache);
        for (var row = 0; row < 3; row++) cache.Truncate(row, lengths[row]);
        var next = tokens[.., 6..]; // three tokens at once, then one
        var actual = cat([model.Hidden(next[.., ..3], cache), model.Hidden(next[.., 3..], cache)], 1);

        for (var row = 0; row < 3; row++)
        {
            var alone = model.Hidden(cat([tokens[row, ..lengths[row]], next[row]]).unsqueeze(0))[0, ^4..];
            GoldenModel.MaxDifference(actual[row], alone).Should().BeLessThan(1e-4);
        }
        cache.Lengths.ToArray().Should().Equal(10, 6, 8);
    }

    [Fact]
    public void Put_RowOfAnotherCache_ContinuesThatRowAlone()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Create("qwen3", 2);
        var (running, waiting, next) = (randint(0, model.Config.VocabSize, [2, 5]), randint(0, model.Config.VocabSize, [1, 3]), randint(0, model.Config.VocabSize, [2]));
        using var cache = model.NewCache(rows: 2, capacity: 8);
        using var prefill = model.NewCache(rows: 1, capacity: 3);
        model.Hidden(running, cache);
        model.Hidden(waiting, prefill);

        cache.Put([1], prefill, [0]);
        var logits = model.Decode(next, cache);

        GoldenModel.MaxDifference(logits[0], After(running[0], next[0])).Should().BeLessThan(1e-4);
        GoldenModel.MaxDifference(logits[1], After(waiting[0], next[1])).Should().BeLessThan(1e-4);

        Tensor After(Tensor past, Tensor token) => model.Logits(model.Hidden(cat([past, token.unsqueeze(0)]).unsqueeze(0)))[0, -1];
    }

    [Fact]
    public void Shrink_AfterRowsMoved_ContinuesTheRowsThatAreLeft()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Create("qwen3", 2);
        var (past, next) = (randint(0, model.Config.VocabSize, [3, 5]), randint(0, model.Config.VocabSize, [2]));
        using var cache = model.NewCache(rows: 3, capacity: 6);
        model.Hidden(past, cache);
        cache.Truncate(2, 4);

        cache.Put([0], cache, [2]);
        cache.Shrink(2);
        var logits = model.Decode(next, cache);

        cache.Lengths.ToArray().Should().Equal(5, 6);
        GoldenModel.MaxDifference(logits[0], After(past[2, ..4], next[0])).Should().BeLessThan(1e-4);
        GoldenModel.MaxDifference(logits[1], After(past[1], next[1])).Should().BeLessThan(1e-4);

        Tensor After(Tensor tokens, Tensor token) => model.Logits(model.Hidden(cat([tokens, token.unsqueeze(0)]).unsqueeze(0)))[0, -1];
    }

    [Theory]
    [MemberData(nameof(Tiny))]
    public void Hidden_CachedInBFloat16_IsAsCloseToFloat32AsThePlainPass(string type, ulong seed)
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Create(type, seed, ScalarType.BFloat16);
        using var wide = model.Clone(ScalarType.Float32);
        var tokens = randint(0, model.Config.VocabSize, [4, 12]);
        using var cache = model.NewCache(4, 12);

        var (plain, cached, exact) = (model.Hidden(tokens), model.Hidden(tokens, cache), wide.Hidden(tokens));

        var error = (plain.to(ScalarType.Float32) - exact).abs().mean().item<float>();
        (cached.to(ScalarType.Float32) - exact).abs().mean().item<float>().Should().BeLessThan(1.5f * error + 1e-6f);
    }

    [Fact]
    public void WeightsChanged_AfterAnUpdate_AreUsed()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Create("llama", 1);
        var tokens = randint(0, model.Config.VocabSize, [1, 5]);
        Decode();
        using (no_grad())
        {
            foreach (var parameter in model.Parameters.Values) parameter.mul_(1.5);
        }

        model.WeightsChanged();

        GoldenModel.MaxDifference(Decode(), model.Logits(model.Hidden(tokens))).Should().BeLessThan(1e-3);

        Tensor Decode()
        {
            using var cache = model.NewCache(1, 5);
            return model.InferenceLogits(model.Hidden(tokens, cache)[0]).unsqueeze(0);
        }
    }

    [Fact]
    public void Select_RepeatedRows_ContinuesEachFromItsOwnPast()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Create("qwen3", 2);
        var tokens = randint(0, model.Config.VocabSize, [2, 6]);
        using var prefill = model.NewCache(2, 6);
        model.Hidden(tokens, cache: prefill);

        using var cache = prefill.Select([1, 0, 1], capacity: 8);
        var next = randint(0, model.Config.VocabSize, [3, 1]);
        var actual = model.Hidden(next, cache);

        var expected = model.Hidden(cat([tokens.index_select(0, tensor(new long[] { 1, 0, 1 })), next], 1))[.., ^1..];
        GoldenModel.MaxDifference(actual, expected).Should().BeLessThan(1e-4);
        prefill.Longest.Should().Be(6);
    }

    [Fact]
    public void Hidden_BeyondTheCache_IsRefused()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Create("llama", 1);
        using var cache = model.NewCache(1, 4);
        var hidden = () => model.Hidden(zeros([1, 5], ScalarType.Int64), cache);

        hidden.Should().Throw<ArgumentException>().WithMessage("*room for 4*");
    }

    [Fact]
    public void LogitsOf_SomeWords_EqualTheirColumns()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Create("qwen2", 1);
        var hidden = model.Hidden(randint(0, model.Config.VocabSize, [2, 5]));

        var actual = model.LogitsOf(hidden, [7, 3]);

        actual.dtype.Should().Be(ScalarType.Float32);
        GoldenModel.MaxDifference(actual, stack([model.Logits(hidden)[.., .., 7], model.Logits(hidden)[.., .., 3]], -1)).Should().BeLessThan(1e-5);
    }

    [Fact]
    public void Clone_ThenChanged_LeavesTheOriginal()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Create("llama", 1);
        var before = model.Parameters["model.norm.weight"].clone();

        using var clone = model.Clone();
        clone.Parameters["model.norm.weight"].add_(1);

        GoldenModel.MaxDifference(model.Parameters["model.norm.weight"], before).Should().Be(0);
    }

    [Fact]
    public void Create_SameSeed_DrawsTheSameWeightsOfTheAskedDeviation()
    {
        using var scope = NewDisposeScope();
        var config = TinyModels.Config("llama", 1) with { VocabSize = 2000, HiddenSize = 32, InitializerRange = 0.02 };
        using var one = CausalLM.Create(config, new RandomSource(5));
        using var two = CausalLM.Create(config, new RandomSource(5));

        var weight = one.Parameters["model.embed_tokens.weight"];
        GoldenModel.MaxDifference(two.Parameters["model.embed_tokens.weight"], weight).Should().Be(0);
        weight.std().item<float>().Should().BeApproximately(0.02f, 0.0005f);
    }

    [Fact]
    public void Hidden_OnTheMetaDevice_GivesItsShape()
    {
        using var scope = NewDisposeScope();
        using var model = CausalLM.Create(TinyModels.Config("qwen3", 1), new RandomSource(1), device: META);

        var logits = model.Logits(model.Hidden(zeros([2, 5], ScalarType.Int64, META)));

        logits.device_type.Should().Be(DeviceType.META);
        logits.shape.Should().Equal(2, 5, model.Config.VocabSize);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Hidden_AfterItsScope_LeavesNoTensorBehind(bool cached)
    {
        using var model = TinyModels.Create("qwen2", 1);
        Pass(); // builds what is built once: rotary tables, the kernel
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;

        Pass();

        DisposeScopeManager.Statistics.ThreadTotalLiveCount.Should().Be(before);

        void Pass()
        {
            using var scope = NewDisposeScope();
            using var cache = cached ? model.NewCache(2, 6) : null;
            var tokens = zeros([2, 5], ScalarType.Int64);
            model.Logits(cache is null ? model.Hidden(tokens, ones(2, 5)) : model.Hidden(tokens, cache));
            if (cache is null) return;
            cache.Truncate(1, 3);
            model.Decode(tokens[.., 0], cache);
        }
    }

    [SkippableFact]
    [Trait("Category", Goldens.Category)]
    public void Load_BrokenCheckpoints_SayWhatIsWrongAndWhere()
    {
        var bad = Goldens.PathOf("models", "bad");
        using var all = new AssertionScope();
        foreach (var directory in Directory.GetDirectories(bad))
        {
            var expected = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(Path.Combine(directory, "expect.json")))!;
            if (expected["load"]!.GetValue<string>() != "model") continue;
            var load = () => CausalLM.Load(directory);
            var message = load.Should().Throw<GramException>(directory).Which?.Message;
            foreach (var part in expected["message_should_mention"]!.AsArray()) message.Should().Contain(part!.GetValue<string>());
            message.Should().NotContain("\n");
        }
    }

    [SkippableFact]
    public void Hidden_Stories260K_CachedEqualsPlain()
    {
        using var scope = NewDisposeScope();
        using var model = CausalLM.Load(TestModels.Stories260K());
        var tokens = randint(0, model.Config.VocabSize, [1, 20]);
        using var cache = model.NewCache(1, 20);

        var (plain, cached) = (model.Logits(model.Hidden(tokens))[0], model.InferenceLogits(model.Hidden(tokens, cache)[0]));

        GoldenModel.MaxDifference(cached, plain).Should().BeLessThan(1e-3);
    }

    [SkippableFact]
    public void Hidden_SmolLM2_CachedEqualsOnePass()
    {
        using var scope = NewDisposeScope();
        using var model = CausalLM.Load(TestModels.SmolLM2(), ScalarType.Float32);
        var tokens = randint(0, model.Config.VocabSize, [1, 6]);
        using var cache = model.NewCache(1, 6);

        var whole = model.Logits(model.Hidden(tokens));
        var steps = cat(Enumerable.Range(0, 6).Select(t => model.InferenceLogits(model.Hidden(tokens.narrow(1, t, 1), cache)[0]).unsqueeze(0)).ToList(), 1);

        GoldenModel.MaxDifference(steps, whole).Should().BeLessThan(1e-3);
    }
}
