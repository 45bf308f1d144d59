using Gram.Models.Scoring;
using Gram.Models.Tests.Transformer.Lora;
using Gram.Models.Transformer;
using Gram.Models.Transformer.Lora;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Tests.Transformer;

/// <summary>With gradient checkpointing, outputs and gradients are those of the plain graph, bit for bit.</summary>
public sealed class GradientCheckpointingTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly SequenceBatch batch = new([[3, 4, 5], [6]], [[7, 8], [9, 10, 11]], padToken: 0);

    public void Dispose()
    {
        batch.Dispose();
        scope.Dispose();
    }

    [Theory, MemberData(nameof(TinyModels.Cases), MemberType = typeof(TinyModels))]
    public void Backward_OfEveryArchitecture_GivesTheSameBits(string type, ulong seed)
    {
        using var model = TinyModels.Create(type, seed);
        AssertSame(model);
    }

    [Theory]
    [InlineData("llama")]
    [InlineData("qwen2")]
    [InlineData("qwen3")]
    public void Backward_InBFloat16_GivesTheSameBits(string type)
    {
        using var model = TinyModels.Create(type, 1, ScalarType.BFloat16);
        AssertSame(model);
    }

    [Theory]
    [InlineData("llama", ScalarType.Float32)]
    [InlineData("qwen2", ScalarType.Float32)]
    [InlineData("qwen3", ScalarType.Float32)]
    [InlineData("qwen3", ScalarType.BFloat16)]
    public void Backward_OfAnAdapterWithDropout_DropsTheSameAgain(string type, ScalarType dtype)
    {
        using var model = TinyModels.Create(type, 2, dtype);
        using var view = model.WithAdapter(TinyAdapters.Create(model, 1, new LoraConfig { Rank = 2, Dropout = 0.5 }));
        AssertSame(view);
        model.Weights.Values.Should().OnlyContain(weight => ReferenceEquals(weight.grad, null), "the base is frozen");
    }

    [Fact]
    public void Backward_OfPaddedRows_GivesTheSameBits()
    {
        using var model = TinyModels.Create("llama", 1);
        var mask = tensor(new long[,] { { 0, 0, 1, 1, 1, 1 }, { 1, 1, 1, 1, 1, 1 } });
        AssertSame(model, () => model.Hidden(batch.Tokens.narrow(1, 0, 4), mask.narrow(1, 2, 4)).sum());
        AssertSame(model, () => model.Hidden(randint(0, 20, [2, 6], generator: new Generator(1)), mask).square().sum());
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.Float64)]
    public void Backward_OfPackedRows_GivesTheSameBits(ScalarType dtype)
    {
        using var model = TinyModels.Create("qwen3", 1, dtype);
        var packed = new PackedRows([[2, 3], [5]], 6);

        AssertSame(model, () => model.Hidden(randint(0, 20, [2, 6], generator: new Generator(1)), packed).square().sum());
    }

    [Fact]
    public void Hidden_ThatNothingIsLearntFrom_RecordsNoGraph()
    {
        using var model = TinyModels.Create("llama", 1);
        model.GradientCheckpointing = true;

        model.Hidden(batch.Tokens).requires_grad.Should().BeFalse();
        model.SetTrainable(true);
        using (no_grad()) model.Hidden(batch.Tokens).requires_grad.Should().BeFalse();
        model.Hidden(batch.Tokens).requires_grad.Should().BeTrue();
    }

    [Fact]
    public void Clone_OfACheckpointedModel_IsOne()
    {
        using var model = TinyModels.Create("llama", 1);
        model.GradientCheckpointing = true;
        using var view = model.WithAdapter(TinyAdapters.Create(model, 1));

        using var clone = model.Clone();
        using var cloneOfView = view.Clone();

        clone.GradientCheckpointing.Should().BeTrue();
        cloneOfView.GradientCheckpointing.Should().BeFalse("a view has a setting of its own");
    }

    [Fact]
    public void Backward_Repeated_LeaksNoTensors()
    {
        using var model = TinyModels.Create("qwen3", 1);
        model.SetTrainable(true);
        model.GradientCheckpointing = true;
        long before = 0;
        for (var pass = 0; pass < 3; pass++)
        {
            using (NewDisposeScope()) Loss(model).backward();
            foreach (var parameter in model.Parameters.Values) parameter.grad = null;
            if (pass == 0) before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        }
        DisposeScopeManager.Statistics.ThreadTotalLiveCount.Should().Be(before);
    }

    private void AssertSame(CausalLM model, Func<Tensor>? loss = null)
    {
        model.SetTrainable(true);
        var plain = Gradients(checkpointing: false);

        var checkpointed = Gradients(checkpointing: true);

        checkpointed.Loss.Should().Be(plain.Loss);
        checkpointed.Gradients.Keys.Should().Equal(plain.Gradients.Keys);
        foreach (var (name, gradient) in plain.Gradients)
        {
            gradient.abs().sum().ToDouble().Should().BePositive(name);
            checkpointed.Gradients[name].equal(gradient).all().ToBoolean().Should().BeTrue(name);
        }

        (double Loss, Dictionary<string, Tensor> Gradients) Gradients(bool checkpointing)
        {
            model.GradientCheckpointing = checkpointing;
            model.DropoutRandom = new RandomSource(5);
            foreach (var parameter in model.Parameters.Values) parameter.grad = null;
            double sum = 0;
            for (var pass = 0; pass < 2; pass++) // the second adds to the first's gradients
            {
                using var total = (loss ?? (() => Loss(model)))();
                total.backward();
                sum += total.ToDouble();
            }
            return (sum, model.Parameters.Where(parameter => parameter.Value.grad is not null).ToDictionary(parameter => parameter.Key, parameter => parameter.Value.grad!.clone()));
        }
    }

    private Tensor Loss(CausalLM model) => TokenScorer.Score(model, batch, temperature: 0.7).LogProbs.sum();
}
