using Gram.Models.Scoring;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Tests.Scoring;

public class SequenceBatchTests
{
    [Fact]
    public void Batch_UnequalRows_IsPaddedOnTheRight()
    {
        using var batch = new SequenceBatch([[5, 6, 7], [8]], [[1], [2, 3, 4]], padToken: 0);

        batch.Tokens.data<long>().ToArray().Should().Equal(5, 6, 7, 1, 8, 2, 3, 4);
        batch.Responses.data<long>().ToArray().Should().Equal(1, 0, 0, 2, 3, 4);
        batch.Mask.data<bool>().ToArray().Should().Equal(true, false, false, true, true, true);
        // A response token is predicted one place before it: row 0 at 2, row 1 at 0, 1, 2; beyond the row the last place.
        batch.Positions.data<long>().ToArray().Should().Equal(2, 3, 3, 0, 1, 2);
    }

    [Fact]
    public void Batch_PadTokenInsideAResponse_IsAResponseToken()
    {
        using var batch = new SequenceBatch([[5], [6]], [[0, 0], [1]], padToken: 0);
        batch.Mask.data<bool>().ToArray().Should().Equal(true, true, true, false);
    }

    [Fact]
    public void Gather_HiddenStates_AreThoseAtThePredictingPositions()
    {
        using var scope = NewDisposeScope();
        using var batch = new SequenceBatch([[5, 6], [8]], [[1], [2, 3]], padToken: 0);
        var hidden = arange(6, ScalarType.Float32).view(2, 3, 1); // row 0: 0 1 2, row 1: 3 4 5
        var gathered = TokenScorer.Gather(hidden, batch);
        gathered.shape.Should().Equal(2, 2, 1);
        gathered.data<float>().ToArray().Should().Equal(1, 2, 3, 4);
    }

    [Fact]
    public void Batch_EmptyPrompt_IsRefused()
    {
        var build = () => new SequenceBatch([[]], [[1]], 0);
        build.Should().Throw<ArgumentException>().WithMessage("prompt 0 is empty*");
    }

    [Fact]
    public void Batch_KeptSetWithoutItsToken_IsRefused()
    {
        var build = () => new SequenceBatch([[1]], [[4]], 0, [[[2, 3]]]);
        build.Should().Throw<ArgumentException>().WithMessage("*lacks its own token 4*");
    }
}
