using Gram.Models.Transformer;
using Gram.Models.Transformer.Lora;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Gram.Models.Tests.Transformer.Lora;

/// <summary>Against PEFT: logits, gradients of the adapter, merged weights (tolerances of the goldens' README).</summary>
[Trait("Category", Goldens.Category)]
public sealed class LoraGoldenTests
{
    public static IEnumerable<object[]> Adapters => GoldenAdapter.All;

    [SkippableTheory]
    [MemberData(nameof(Adapters))]
    public void Load_Adapter_HasPeftsModulesRankAndScale(string name)
    {
        using var golden = new GoldenAdapter(name);
        using var model = golden.Load();
        var adapter = model.Adapter!;

        adapter.Linears.Keys.Should().BeEquivalentTo(golden.Json["modules"]!.AsArray().Select(module => module!.GetValue<string>()));
        adapter.Linears.Values.Should().OnlyContain(linear => linear.A.shape[0] == golden.Json["r"]!.GetValue<int>());
        foreach (var linear in adapter.Linears.Values) linear.Scale.Should().BeApproximately(golden.Json["scaling"]!.GetValue<double>(), 1e-12);
    }

    [SkippableTheory]
    [MemberData(nameof(Adapters))]
    public void Logits_WithAdapter_EqualPeft(string name)
    {
        using var golden = new GoldenAdapter(name);
        using var model = golden.Load();

        foreach (var (i, tokens) in golden.Base.Prompts)
        {
            GoldenModel.MaxDifference(model.Logits(model.Hidden(tokens))[0], golden.Array($"logits.{i}")).Should().BeLessThan(1e-4);
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Adapters))]
    public void Logits_CachedTokenByToken_EqualPeft(string name)
    {
        using var golden = new GoldenAdapter(name);
        using var model = golden.Load();

        foreach (var (i, tokens) in golden.Base.Prompts)
        {
            var length = (int)tokens.shape[1];
            using var cache = model.NewCache(1, length);
            var rows = Enumerable.Range(0, length).Select(t => model.Decode(tokens.select(1, t), cache));
            GoldenModel.MaxDifference(cat(rows.ToList()), golden.Array($"logits.{i}")).Should().BeLessThan(1e-4);
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Adapters))]
    public void Backward_RightPaddedBatch_LossAndAdapterGradientsEqualPeft(string name)
    {
        using var golden = new GoldenAdapter(name);
        using var model = golden.Load();
        var batch = golden.Base.Json["loss"]!;
        var (tokens, labels) = (GoldenModel.Tokens(batch["input_ids"]!), GoldenModel.Tokens(batch["labels"]!));
        var expected = golden.Json["loss"]!;
        model.SetTrainable(true);

        var logits = model.Logits(model.Hidden(tokens))[.., ..^1];
        var loss = F.cross_entropy(logits.reshape(-1, model.Config.VocabSize), labels[.., 1..].reshape(-1), ignore_index: -100);
        loss.backward();

        loss.item<float>().Should().BeApproximately(expected["value"]!.GetValue<float>(), 1e-5f);
        var norms = expected["grad_norm_by_parameter"]!.AsObject();
        model.Parameters.Keys.Should().BeEquivalentTo(norms.Select(norm => norm.Key));
        foreach (var (parameter, norm) in norms)
        {
            model.Parameters[parameter].grad!.norm().item<float>().Should().BeApproximately(norm!.GetValue<float>(), norm.GetValue<float>() * 1e-5f, parameter);
        }
        Math.Sqrt(model.Parameters.Values.Sum(parameter => parameter.grad!.square().sum().item<float>())).Should().BeApproximately(expected["grad_norm"]!.GetValue<double>(), 1e-5 * expected["grad_norm"]!.GetValue<double>());
        foreach (var (parameter, array) in expected["gradients"]!.AsObject())
        {
            var gradient = golden.Array(array!.GetValue<string>());
            GoldenModel.MaxDifference(model.Parameters[parameter].grad!, gradient).Should().BeLessThan(1e-5 * gradient.abs().max().item<float>(), parameter);
        }
        model.Weights.Values.Select(weight => weight.grad).Should().OnlyContain(gradient => ReferenceEquals(gradient, null), "the base is frozen");
    }

    [SkippableTheory]
    [MemberData(nameof(Adapters))]
    public void Save_AfterLoad_WritesWhatPeftWrote(string name)
    {
        using var golden = new GoldenAdapter(name);
        using var model = golden.Load();
        using var directory = new TemporaryDirectory();

        model.Save(directory.Path);

        System.Text.Json.Nodes.JsonNode.DeepEquals(
            System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(directory.File(LoraConfig.FileName))),
            System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(Path.Combine(golden.Directory, LoraConfig.FileName)))).Should().BeTrue();
        File.ReadAllBytes(directory.File("adapter_model.safetensors")).Should().Equal(File.ReadAllBytes(Path.Combine(golden.Directory, "adapter_model.safetensors")));
    }
}
