using System.Text.Json.Nodes;
using Gram.Models.Checkpoints;
using Gram.Models.Transformer;
using Gram.Training.Optimisation;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Gram.Training.Tests.Optimisation;

/// <summary>Training of adapters alone against PEFT's: four clipped AdamW steps at a constant rate.</summary>
public class LoraTraceTests
{
    public static IEnumerable<object[]> Adapters
    {
        get
        {
            var adapters = Goldens.Folders("models", "golden.json")
                .SelectMany(model => Goldens.Folders($"models/{model[0]}/adapters", "golden.json").Select(adapter => new object[] { model[0], adapter[0] }))
                .Where(names => !names.Contains(""))
                .ToList();
            return adapters.Count > 0 ? adapters : [["", ""]];
        }
    }

    [SkippableTheory, MemberData(nameof(Adapters)), Trait("Category", Goldens.Category)]
    public void Train_AdapterOnly_FollowsPeftsTrace(string name, string adapter) => Follow(name, adapter, checkpointing: false);

    [SkippableTheory, MemberData(nameof(Adapters)), Trait("Category", Goldens.Category)]
    public void Train_WithGradientCheckpointing_FollowsTheSameTrace(string name, string adapter) => Follow(name, adapter, checkpointing: true);

    private static void Follow(string name, string adapter, bool checkpointing)
    {
        var directory = Goldens.PathOf("models", name, "adapters", adapter);
        var batch = Goldens.Json("models", name, "golden.json")["loss"]!;
        var run = Goldens.Json("models", name, "adapters", adapter, "golden.json")["training"]!;
        var settings = run["optimizer"]!;
        using var scope = NewDisposeScope();
        using var golden = TensorStore.OpenFile(Path.Combine(directory, "golden.safetensors"));
        using var model = CausalLM.Load(Goldens.PathOf("models", name), directory);
        var before = model.Weights.ToDictionary(weight => weight.Key, weight => weight.Value.clone());
        model.SetTrainable(true);
        model.GradientCheckpointing = checkpointing;
        using var optimiser = new AdamW(model.Parameters, new AdamWOptions
        {
            Beta1 = (double)settings["betas"]![0]!,
            Beta2 = (double)settings["betas"]![1]!,
            Epsilon = (double)settings["eps"]!,
            WeightDecay = (double)settings["weight_decay"]!,
            MaxGradNorm = (double)run["clip_grad_norm"]!,
        });

        foreach (var expected in run["trace"]!.AsArray())
        {
            Loss(backward: true).Should().BeApproximately((double)expected!["loss"]!, 2e-5);
            optimiser.Accumulate();
            optimiser.Step((double)expected["lr"]!).Should().BeApproximately((double)expected["grad_norm"]!, 2e-5 * (double)expected["grad_norm"]!);
            model.WeightsChanged();
        }

        Loss(backward: false).Should().BeApproximately((double)run["loss_after"]!, 2e-5);
        foreach (var (parameter, tensor) in run["parameters"]!.AsObject())
        {
            (model.Parameters[parameter].detach() - golden.Load((string)tensor!)).abs().max().ToDouble().Should().BeLessThan(1e-5, parameter);
        }
        foreach (var (weight, tensor) in before) model.Weights[weight].equal(tensor).all().item<bool>().Should().BeTrue($"{weight} is the base's");

        double Loss(bool backward)
        {
            using var inner = NewDisposeScope();
            var logits = model.Logits(model.Hidden(Matrix(batch["input_ids"]!)));
            var loss = F.cross_entropy(logits[.., ..^1].flatten(0, 1), Matrix(batch["labels"]!)[.., 1..].flatten(), ignore_index: -100);
            if (backward) loss.backward();
            return loss.ToDouble();
        }
    }

    private static Tensor Matrix(JsonNode rows) =>
        tensor(rows.AsArray().SelectMany(row => row!.AsArray().Select(id => (long)id!)).ToArray()).reshape(rows.AsArray().Count, -1);
}
