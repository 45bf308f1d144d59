using Gram.Models.Transformer;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Tests.Transformer;

public sealed class PackedRowsTests
{
    [Fact]
    public void Positions_OfSeveralSequences_RestartInEach()
    {
        var packed = new PackedRows([[2, 3], [6]], 7);

        packed.Positions().Should().Equal(0, 1, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5, 6); // padding goes on where the last sequence ends
        packed.Numbers().Should().Equal(0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2);
        packed.Longest.Should().Be(7);
    }

    [Fact]
    public void New_SequencesThatDoNotLieInTheirRow_IsAnError()
    {
        foreach (int[] row in (int[][])[[], [2, 0], [4, 4]])
            FluentActions.Invoking(() => new PackedRows([[7], row], 7)).Should().Throw<ArgumentException>().WithMessage("row 1: *a row of 7*");
    }

    [Fact]
    public void Hidden_LayoutOfOtherRows_IsAnError()
    {
        using var model = TinyModels.Create("llama", 1);
        using var tokens = zeros([1, 5], ScalarType.Int64);

        FluentActions.Invoking(() => model.Hidden(tokens, new PackedRows([[2, 2]], 4))).Should().Throw<ArgumentException>().WithMessage("*1 rows of 4 tokens, not of 1 of 5*");
    }

    [SkippableFact, Trait("Category", Goldens.Category)]
    public void Mask_OfNumberedTokens_IsThatOfNeatPacking()
    {
        using var scope = NewDisposeScope();
        var attends = Goldens.Json("rl", "llamafactory", "packing.json")["attends"]!;
        var rows = attends["attention_mask"]!.AsArray().Select(row => row!.AsArray().Select(number => (int)number!).ToArray()).ToArray();
        var packed = new PackedRows([.. rows.Select(row => row.Where(number => number > 0).GroupBy(number => number).Select(sequence => sequence.Count()).ToArray())], rows[0].Length);

        var mask = AttentionMask.Packed(packed, ScalarType.Float32, CPU);

        // Padding attends to nothing there, and is seen by nothing; here it sees the sequence before it, and is not read.
        for (var row = 0; row < rows.Length; row++)
        {
            foreach (var token in Enumerable.Range(0, packed.Tokens).Where(token => rows[row][token] > 0))
            {
                mask[row, 0, token].exp().data<float>().ToArray().Should().Equal(attends["rows_attend_to_columns"]![row]![token]!.AsArray().Select(bit => (float)bit!));
            }
        }
    }
}
