using Gram.Models.Tests.Transformer;
using Gram.Models.Transformer;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Tests.Kernels;

public sealed class CpuForwardTests
{
    public static IEnumerable<object[]> Tiny => TinyModels.Cases;

    [Theory]
    [MemberData(nameof(Tiny))]
    public void Decode_RowsOfDifferentLengths_EqualsTheFullForward(string type, ulong seed)
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Create(type, seed);
        var tokens = randint(0, model.Config.VocabSize, [5, 9]);
        int[] lengths = [6, 1, 4, 2, 6];
        using var cache = model.NewCache(rows: 5, capacity: 9);
        model.Hidden(tokens[.., ..6], cache);
        for (var row = 0; row < 5; row++) cache.Truncate(row, lengths[row]);

        for (var step = 6; step < 9; step++)
        {
            var logits = model.Decode(tokens[.., step], cache);
            for (var row = 0; row < 5; row++)
            {
                var whole = model.Logits(model.Hidden(cat([tokens[row, ..lengths[row]], tokens[row, 6..(step + 1)]]).unsqueeze(0)))[0, -1];
                GoldenModel.MaxDifference(logits[row], whole).Should().BeLessThan(1e-4);
            }
        }
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Decode_RowAmongOthers_GivesTheSameBitsAsAlone(ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Create("qwen3", 3, dtype);
        var next = randint(0, model.Config.VocabSize, [4]);
        using var cache = model.NewCache(rows: 4, capacity: 8);
        model.Hidden(randint(0, model.Config.VocabSize, [4, 7]), cache);
        using var alone = cache.Select([2], capacity: 12);

        var (among, single) = (model.Decode(next, cache), model.Decode(next[2..3], alone));

        GoldenModel.MaxDifference(among[2], single[0]).Should().Be(0);
    }

    [Fact]
    public void Decode_WithoutRoom_IsRefused()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Create("llama", 1);
        using var cache = model.NewCache(1, 1);
        var token = zeros([1], ScalarType.Int64);
        model.Decode(token, cache);
        var decode = () => model.Decode(token, cache);

        decode.Should().Throw<ArgumentException>().WithMessage("*room for 0*");
    }
}
