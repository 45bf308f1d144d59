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
        var pieces = new[] { (0, 4), (4, 1), (5, 5), (10, 1) }.Select(piece => model.Hidden(tokens.narrow(1, piece.Item1, piece.Item2), cache: cache)).ToList();

        GoldenModel.MaxDifference(cat(pieces, 1), whole).Should().BeLessThan(1e-4);
        cache.Length.Should().Be(11);
    }

    [Theory]
    [MemberData(nameof(Tiny))]
    public void Hidden_LeftPaddedAndCached_EqualsEachRowAlone(string type, ulong seed)
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Create(type, seed);
        var tokens = randint(0, model.Config.VocabSize, [3, 9]);
        int[] padding = [0, 4, 2];
        var mask = stack(padding.Select(pad => cat([zeros(pad), ones(9 - pad)])).ToList());

        using var cache = model.NewCache(rows: 3, capacity: 9);
        model.Hidden(tokens[.., ..7], mask[.., ..7], cache);
        var actual = cat([model.Hidden(tokens[.., 7..8], mask[.., ..8], cache), model.Hidden(tokens[.., 8..], mask, cache)], 1);

        for (var row = 0; row < 3; row++)
        {
            var alone = model.Hidden(tokens[row, padding[row]..].unsqueeze(0))[0, ^2..];
            GoldenModel.MaxDifference(actual[row], alone).Should().BeLessThan(1e-4);
        }
    }

    [Theory]
    [MemberData(nameof(Tiny))]
    public void Hidden_PackedInBFloat16_IsAsCloseToFloat32AsThePlainPass(string type, ulong seed)
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Create(type, seed, ScalarType.BFloat16);
        using var wide = model.Clone(ScalarType.Float32);
        var tokens = randint(0, model.Config.VocabSize, [4, 12]);
        using var cache = model.NewCache(4, 12);

        var (plain, packed, exact) = (model.Hidden(tokens), model.Hidden(tokens, cache: cache), wide.Hidden(tokens));

        var error = (plain.to(ScalarType.Float32) - exact).abs().mean().item<float>();
        (packed.to(ScalarType.Float32) - exact).abs().mean().item<float>().Should().BeLessThan(1.5f * error + 1e-6f);
    }

    [Fact]
    public void WeightsChanged_AfterAnUpdate_RepacksThem()
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
            return model.Logits(model.Hidden(tokens, cache: cache), packed: true);
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
        var actual = model.Hidden(next, cache: cache);

        var expected = model.Hidden(cat([tokens.index_select(0, tensor(new long[] { 1, 0, 1 })), next], 1))[.., ^1..];
        GoldenModel.MaxDifference(actual, expected).Should().BeLessThan(1e-4);
        prefill.Length.Should().Be(6);
    }

    [Fact]
    public void Hidden_BeyondTheCache_IsRefused()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Create("llama", 1);
        using var cache = model.NewCache(1, 4);
        var hidden = () => model.Hidden(zeros([1, 5], ScalarType.Int64), cache: cache);

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

    [Theory]
    [MemberData(nameof(Tiny))]
    public void Save_ThenLoad_GivesTheSameModel(string type, ulong seed)
    {
        using var scope = NewDisposeScope();
        using var directory = new TemporaryDirectory();
        using var model = TinyModels.Create(type, seed);
        var tokens = randint(0, model.Config.VocabSize, [2, 5]);

        model.Save(directory.Path);
        using var loaded = CausalLM.Load(directory.Path);

        loaded.Parameters.Keys.Should().Equal(model.Parameters.Keys);
        GoldenModel.MaxDifference(loaded.Logits(loaded.Hidden(tokens)), model.Logits(model.Hidden(tokens))).Should().Be(0);
        loaded.Config.EosTokenIds.Should().Equal(model.Config.EosTokenIds);
    }

    [Fact]
    public void Save_ModelWithGenerationSettings_KeepsThemAll()
    {
        const string settings = """{"do_sample":true,"eos_token_id":[3,2],"temperature":0.6,"top_k":20,"transformers_version":"4.51.0"}""";
        using var directory = new TemporaryDirectory();
        var (first, second) = (directory.File("first"), directory.File("second"));
        using (var model = TinyModels.Create("qwen3", 1)) model.Save(Directory.CreateDirectory(first).FullName);
        File.WriteAllText(Path.Combine(first, "generation_config.json"), settings);

        using (var model = CausalLM.Load(first)) model.Save(Directory.CreateDirectory(second).FullName);

        JsonNode.DeepEquals(JsonNode.Parse(File.ReadAllText(Path.Combine(second, "generation_config.json"))), JsonNode.Parse(settings)).Should().BeTrue();
    }

    [Fact]
    public void Save_OtherWeightsAndDtype_StoresThose()
    {
        using var scope = NewDisposeScope();
        using var directory = new TemporaryDirectory();
        using var model = TinyModels.Create("llama", 1, ScalarType.BFloat16);
        var masters = model.Parameters.ToDictionary(parameter => parameter.Key, parameter => parameter.Value.to(ScalarType.Float32) + 0.001f);

        model.Save(directory.Path, masters, ScalarType.Float32);
        using var loaded = CausalLM.Load(directory.Path);

        GoldenModel.MaxDifference(loaded.Parameters["model.norm.weight"], masters["model.norm.weight"]).Should().Be(0);
        File.ReadAllText(directory.File("config.json")).Should().Contain("float32");
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
        Pass(); // builds what is built once: rotary tables, packed weights
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;

        Pass();

        DisposeScopeManager.Statistics.ThreadTotalLiveCount.Should().Be(before);

        void Pass()
        {
            using var scope = NewDisposeScope();
            using var cache = cached ? model.NewCache(2, 5) : null;
            var tokens = zeros([2, 5], ScalarType.Int64);
            model.Logits(model.Hidden(tokens, ones(2, 5), cache), packed: cached);
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
    public void Hidden_Stories260K_PackedEqualsPlain()
    {
        using var scope = NewDisposeScope();
        using var model = CausalLM.Load(TestModels.Stories260K());
        var tokens = randint(0, model.Config.VocabSize, [1, 20]);
        using var cache = model.NewCache(1, 20);

        var (plain, packed) = (model.Logits(model.Hidden(tokens)), model.Logits(model.Hidden(tokens, cache: cache), packed: true));

        GoldenModel.MaxDifference(packed, plain).Should().BeLessThan(1e-3);
    }

    [SkippableFact]
    public void Hidden_SmolLM2_CachedEqualsOnePass()
    {
        using var scope = NewDisposeScope();
        using var model = CausalLM.Load(TestModels.SmolLM2(), ScalarType.Float32);
        var tokens = randint(0, model.Config.VocabSize, [1, 6]);
        using var cache = model.NewCache(1, 6);

        var whole = model.Logits(model.Hidden(tokens));
        var steps = cat(Enumerable.Range(0, 6).Select(t => model.Logits(model.Hidden(tokens.narrow(1, t, 1), cache: cache), packed: true)).ToList(), 1);

        GoldenModel.MaxDifference(steps, whole).Should().BeLessThan(1e-3);
    }
}
