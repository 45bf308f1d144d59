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
        using var model = new ValueModel(TinyPolicy.Create());
        using var batch = Batch();

        using var values = model.Score(batch);

        values.ShouldBeNear(zeros(2, 3), 0);
    }

    [Fact]
    public void Load_OfASavedModel_BringsBackItsHead()
    {
        using var directory = new TemporaryDirectory();
        using var model = new ValueModel(TinyPolicy.Create());
        using (no_grad())
        {
            model.Parameters["value_head.weight"].fill_(0.3);
            model.Parameters["value_head.bias"].fill_(-0.2);
        }
        using var batch = Batch();
        using var expected = model.Score(batch);

        model.Save(directory.Path);
        using var loaded = ValueModel.Load(directory.Path);
        using var values = loaded.Score(batch);

        expected.abs().max().Value().Should().BeGreaterThan(0.1);
        values.ShouldBeNear(expected, 0);
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
