using Gram.Models.Transformer;
using Gram.Models.Transformer.Lora;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Tests.Transformer.Lora;

public sealed class LoraDropoutTests
{
    [Fact]
    public void Apply_Ones_KeepsTheirMeanAndDropsTheAskedShare()
    {
        using var scope = NewDisposeScope();
        var dropout = new LoraDropout(0.25, Seed: 7);

        var dropped = dropout.Apply(ones(400, 500), place: 3);

        dropped.unique().output.data<float>().ToArray().Should().Equal(0, 1 / 0.75f);
        dropped.count_nonzero().item<long>().Should().BeInRange(149_000, 151_000); // 150 000 ± 5 deviations of 194
        GoldenModel.MaxDifference(dropout.Apply(ones(400, 500), place: 3), dropped).Should().Be(0);
        GoldenModel.MaxDifference(dropout.Apply(ones(400, 500), place: 4), dropped).Should().BePositive();
    }

    [Fact]
    public void Hidden_InTraining_DropsInputsOfTheAdaptersAlone()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Create("llama", 1);
        using var view = model.WithAdapter(TinyAdapters.Create(model, 1, new LoraConfig { Rank = 2, Dropout = 0.5 }));
        var tokens = randint(0, model.Config.VocabSize, [2, 6]);
        var still = view.Hidden(tokens);
        view.DropoutRandom = new RandomSource(5);

        var (first, second) = (view.Hidden(tokens), view.Hidden(tokens));
        view.DropoutRandom = new RandomSource(5);
        var again = view.Hidden(tokens);
        Tensor inference, based;
        using (no_grad()) inference = view.Hidden(tokens);
        using (no_grad()) foreach (var linear in view.Adapter!.Linears.Values) linear.B.zero_();
        based = view.Hidden(tokens);

        GoldenModel.MaxDifference(first, still).Should().BePositive();
        GoldenModel.MaxDifference(first, second).Should().BePositive();
        GoldenModel.MaxDifference(first, again).Should().Be(0, "the same generator draws the same");
        GoldenModel.MaxDifference(inference, still).Should().Be(0, "nothing is dropped where no gradient is recorded");
        GoldenModel.MaxDifference(based, model.Hidden(tokens)).Should().Be(0, "the base's own inputs are whole");
    }

    [Fact]
    public void Backward_WithDropout_GivesTheMaskedGradient()
    {
        using var scope = NewDisposeScope();
        var dropout = new LoraDropout(0.5, Seed: 1);
        var x = randn(5, 8).requires_grad_();

        dropout.Apply(x, place: 0).sum().backward();

        GoldenModel.MaxDifference(x.grad!, dropout.Apply(ones(5, 8), place: 0)).Should().Be(0);
    }
}
