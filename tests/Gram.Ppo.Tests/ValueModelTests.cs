using Gram.Models;
using Gram.Models.Scoring;
using Gram.Ppo.Tests.Support;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Ppo.Tests;

public sealed class ValueModelTests
{
    [Fact]
    public void Score_OfANewHead_IsZeroEverywhere()
    {
        using var model = ValueModel.Separate(TinyPolicy.Create());
        using var batch = Batch();
        using var hidden = zeros(2, 4, TinyPolicy.Config.HiddenSize); // a shared head's, not looked at

        using var values = model.Score(batch, hidden);

        values.ShouldBeNear(zeros(2, 3), 0);
    }

    /// <summary>Fails where a value head is saved but not loaded.</summary>
    [Fact]
    public void Load_OfASavedModel_BringsBackItsHead()
    {
        using var directory = new TemporaryDirectory();
        using var model = ValueModel.Separate(TinyPolicy.Create());
        using (no_grad())
        {
            model.Parameters["value_head.weight"].fill_(0.3);
            model.Parameters["value_head.bias"].fill_(-0.2);
        }
        using var batch = Batch();
        using var hidden = zeros(2, 4, TinyPolicy.Config.HiddenSize); // a shared head's, not looked at
        using var expected = model.Score(batch, hidden);

        model.Save(directory.Path);
        using var loaded = ValueModel.Load(directory.Path);
        using var values = loaded.Score(batch, hidden);

        expected.abs().max().Value().Should().BeGreaterThan(0.1);
        values.ShouldBeNear(expected, 0);
    }

    [Fact]
    public void Score_OfASharedHead_ReadsThePolicyBeforeEachToken()
    {
        using var policy = TinyPolicy.Create();
        using var model = ValueModel.Shared(policy);
        using (no_grad()) model.Parameters["value_head.weight"].fill_(1);
        using var batch = Batch();
        using var hidden = policy.Hidden(batch.Tokens);

        using var values = model.Score(batch, hidden);

        model.Parameters.Should().HaveCount(2);
        values[0, 0].ShouldBeNear(hidden[0, 1].sum().Value(), 1e-5); // row 0 has two prompt tokens
        values[1, 1].ShouldBeNear(hidden[1, 1].sum().Value(), 1e-5); // row 1 has one
        values[1, 2].ShouldBeNear(0, 0);
    }

    [Fact]
    public void Load_WithoutAHead_SaysSo()
    {
        using var directory = new TemporaryDirectory();
        TinyPolicy.Write(directory.Path);

        var load = () => ValueModel.Load(directory.Path);

        load.Should().Throw<GramException>().WithMessage("*value_head.safetensors*");
    }

    private static SequenceBatch Batch() => new([[2, 3], [4]], [[5, 6, 0], [7, 0]], TinyPolicy.End);
}
