using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Models.Transformer;
using Gram.Models.Transformer.Lora;
using Gram.Ppo.Runs;
using Gram.Ppo.Tests.Support;
using Gram.Training.Adapters;
using Gram.Training.Parallel;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Ppo.Tests;

/// <summary>finetuning_type lora: policy, value model and judge are adapters of one set of weights, which is the reference.</summary>
public sealed class LoraTests : IDisposable
{
    private readonly TestRun test = new();

    public void Dispose() => test.Dispose();

    [Theory]
    [InlineData(ValueModelKind.Separate, ScalarType.Float32)]
    [InlineData(ValueModelKind.Shared, ScalarType.Float32)]
    [InlineData(ValueModelKind.Separate, ScalarType.BFloat16)]
    public void Models_OfAdaptersOverOneBase_HoldLittleMoreThanTheBase(ValueModelKind kind, ScalarType dtype)
    {
        using var directory = new TemporaryDirectory();
        var options = Options("run") with { ModelNameOrPath = TinyCheckpoint.Create(directory.File("model"), hiddenSize: 256, layers: 4), ValueModel = kind };
        using var shared = CausalLM.Load(options.ModelNameOrPath, dtype);
        using var judge = shared.WithAdapter(options.Lora.Over(shared, "base", new RandomSource(1)));

        using var adapters = new RunModels(options, dtype, CPU, shared, "base", SoleProcess.Instance);
        using var whole = new RunModels(options with { FinetuningType = FinetuningType.Full }, dtype, CPU, null, "base", SoleProcess.Instance);

        var one = Bytes([shared]);
        Bytes([adapters.Policy, adapters.Reference, adapters.Value!.Value.Model.Trunk, judge]).Should().BeInRange(one + 1, (long)(1.3 * one));
        Bytes([whole.Policy, whole.Reference, whole.Value!.Value.Model.Trunk, judge]).Should().BeGreaterThan(kind == ValueModelKind.Separate ? 4 * one : 3 * one);
    }

    [Fact]
    public void Memory_OfAdapters_IsTheBaseAndWhatIsTrained()
    {
        // TinyPolicy's query [32, 32] and value [16, 32] in two blocks, rank 4.
        const long factors = 2 * ((4 * (32 + 32)) + (4 * (32 + 16)));
        var options = Options("run") with { Lora = new LoraOptions { Rank = 4, Target = ["q_proj", "v_proj"] }, SaveSteps = 1 };
        var whole = Of(options with { FinetuningType = FinetuningType.Full });

        var memory = Of(options);

        memory.Policy.Should().Be(whole.Policy + (4 * factors));
        memory.Reference.Should().Be(0, "it is the policy without its adapter");
        memory.Value.Should().Be(4 * factors);
        memory.Moments.Should().Be(2 * 8 * factors);
        memory.Checkpoint.Should().Be(2 * 12 * factors);
        memory.Gradients.Should().Be(2 * 4 * factors);
        PpoMemory.Problem(options with { FinetuningType = FinetuningType.Full, SaveSteps = 0, PerDeviceTrainBatchSize = 1, GradientCheckpointing = true, PerDeviceEvalBatchSize = 1 }, Of, Of(options with { SaveSteps = 0, PerDeviceTrainBatchSize = 1, GradientCheckpointing = true, PerDeviceEvalBatchSize = 1 }).Total)
            .Should().Contain("finetuning_type: lora (");

        static PpoMemory Of(PpoOptions of) => PpoMemory.Of(of, longestPrompt: 5, heldOut: 6, judge: 0, ScalarType.Float32, CPU);
    }

    [Theory]
    [InlineData(false, ScalarType.Float32)]
    [InlineData(false, ScalarType.BFloat16)]
    [InlineData(true, ScalarType.Float32)]
    public async Task Run_AtRateZero_NeverLeavesItsReference(bool fromAdapter, ScalarType dtype)
    {
        var options = Options("run") with { LearningRate = 0 };
        if (fromAdapter) options = options with { Lora = new LoraOptions { AdapterNameOrPath = WriteAdapter() } };
        test.DType = dtype;

        await test.Run(options).RunAsync();

        test.Steps.Should().HaveCount(2).And.OnlyContain(step => step.Metrics["objective/kl"] == 0);
    }

    [Theory]
    [InlineData(ValueModelKind.Separate)]
    [InlineData(ValueModelKind.Shared)]
    public async Task Run_Trained_LeavesAdaptersThatFindTheirBase(ValueModelKind kind)
    {
        var result = await test.Run(Options("run") with { ValueModel = kind, SaveSteps = 1 }).RunAsync();

        foreach (var folder in (string[])[result.Model, Path.Combine(result.Model, "checkpoint-1")])
        {
            foreach (var file in (string[])["adapter_config.json", "adapter_model.safetensors", "tokenizer.json"]) File.Exists(Path.Combine(folder, file)).Should().BeTrue($"{folder} holds {file}");
            File.Exists(Path.Combine(folder, "model.safetensors")).Should().BeFalse("the base's weights are where they were");
        }
        using var scope = NewDisposeScope();
        using var policy = CausalLM.Load(result.Model);
        policy.Adapter!.Config.BaseModelNameOrPath.Should().Be(Path.GetFullPath(test.Policy));
        policy.Adapter.Linears.Values.Max(linear => linear.B.abs().max().ToDouble()).Should().BePositive("it has learnt");
        using var original = CausalLM.Load(test.Policy);
        foreach (var (name, weight) in original.Weights) policy.Weights[name].equal(weight).all().ToBoolean().Should().BeTrue(name);
        if (kind != ValueModelKind.Separate) return;
        using var value = ValueModel.Load(Path.Combine(result.Model, "value_model"));
        value.Parameters["value_head.weight"].abs().max().ToDouble().Should().BePositive();
        value.Trunk!.Adapter!.Linears.Values.Max(linear => linear.B.abs().max().ToDouble()).Should().BePositive();
    }

    [Theory]
    [InlineData(ValueModelKind.Separate)]
    [InlineData(ValueModelKind.Shared)]
    public async Task Resume_FromACheckpoint_GivesTheSameWeightsBitForBit(ValueModelKind kind)
    {
        var options = Options("straight") with { ValueModel = kind, MaxSteps = 4, SaveSteps = 2 };
        var straight = await test.Run(options).RunAsync();

        var resumed = await test.Run(options with { OutputDir = test.Output("resumed"), ResumeFromCheckpoint = Path.Combine(straight.Model, "checkpoint-2") }).RunAsync();

        foreach (var file in Directory.GetFiles(straight.Model, "*.safetensors").Concat(Directory.GetFiles(Path.Combine(straight.Model, "value_model"), "*.safetensors")).Select(path => Path.GetRelativePath(straight.Model, path)))
            File.ReadAllBytes(Path.Combine(resumed.Model, file)).Should().Equal(File.ReadAllBytes(Path.Combine(straight.Model, file)), file);
    }

    [Fact]
    public async Task Run_BaseInMemory_GivesTheSameWeightsAsItsDirectory()
    {
        var apart = await test.Run(Options("apart")).RunAsync();
        using var shared = CausalLM.Load(test.Policy);

        var together = await test.Run(Options("together"), over: shared).RunAsync();

        File.ReadAllBytes(Path.Combine(together.Model, "adapter_model.safetensors")).Should().Equal(File.ReadAllBytes(Path.Combine(apart.Model, "adapter_model.safetensors")));
        using var scope = NewDisposeScope();
        using var original = TensorStore.OpenDirectory(test.Policy);
        foreach (var (name, weight) in shared.Weights) weight.equal(original.Load(name)).all().ToBoolean().Should().BeTrue($"{name} is as it was, and still there");
    }

    [Fact]
    public async Task Run_Dropout_IsRefused() =>
        await FluentActions.Awaiting(() => test.Run(Options("run") with { Lora = new LoraOptions { Dropout = 0.1 } }).RunAsync()).Should().ThrowAsync<GramException>().WithMessage("lora_dropout: *leave it out");

    private PpoOptions Options(string output) => test.Options(output) with { FinetuningType = FinetuningType.Lora, Lora = new LoraOptions { Rank = 4 }, LearningRate = 1e-2, ValueLearningRate = 1e-2 };

    /// <summary>An adapter of the policy that changes much.</summary>
    private string WriteAdapter()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var model = CausalLM.Load(test.Policy);
        var random = new RandomSource(5);
        using var adapter = LoraAdapter.Create(new LoraConfig { Rank = 2 }, model, random);
        foreach (var linear in adapter.Linears.Values) linear.B.copy_(tensor(Enumerable.Range(0, (int)linear.B.numel()).Select(_ => (float)(0.3 * random.NextGaussian())).ToArray(), linear.B.shape));
        var directory = test.Output("adapter");
        Directory.CreateDirectory(directory);
        adapter.Save(directory);
        return directory;
    }

    /// <summary>Bytes of the weights that models hold together, those that several share counted once.</summary>
    private static long Bytes(IEnumerable<CausalLM?> models) =>
        models.OfType<CausalLM>().SelectMany(model => model.Weights.Values.Concat(model.Parameters.Values)).Distinct<Tensor>(ReferenceEqualityComparer.Instance).Sum(tensor => tensor.numel() * tensor.element_size());
}
