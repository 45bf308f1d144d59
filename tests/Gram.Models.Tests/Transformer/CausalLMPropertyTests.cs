using Gram.Models.Transformer;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Tests.Transformer;

/// <summary>What must hold of random shapes (heads, groups, head sizes, tied or not, rope scaling or none) and random rows: every way of computing gives what each row alone gives in one pass.</summary>
public sealed class CausalLMPropertyTests : IDisposable
{
    private const int LongestRow = 24; // beyond the 16 tokens from which the scaled rotary frequencies differ

    private readonly DisposeScope scope = NewDisposeScope();
    private CausalLM model = null!;
    private RandomSource random = null!;
    private long[][] rows = [];
    private Tensor[] alone = []; // [t, vocab] logits of each row

    public static IEnumerable<object[]> Cases =>
        from type in (string[])["llama", "qwen2", "qwen3"]
        from seed in Enumerable.Range(100, 12)
        select new object[] { type, (ulong)seed };

    public void Dispose()
    {
        model?.Dispose();
        scope.Dispose();
    }

    [Theory, MemberData(nameof(Cases))]
    public void Cached_InRandomPieces_IsTheFullForward(string type, ulong seed)
    {
        Draw(type, seed);
        using var cache = model.NewCache(rows.Length, LongestRow + 4);
        while (rows.Where((row, i) => cache.Lengths[i] < row.Length).Any())
        {
            var held = cache.Lengths.ToArray();
            var pieces = rows.Select((row, i) => row.AsSpan(held[i]).ToArray().Take(1 + random.Next(4)).ToArray()).ToArray();
            var tokens = PaddedRight(pieces);

            var logits = tokens.shape[1] == 1 ? model.Decode(tokens.squeeze(1), cache).unsqueeze(1) : model.Logits(model.Hidden(tokens, cache));

            for (var i = 0; i < rows.Length; i++)
            {
                cache.Truncate(i, held[i] + pieces[i].Length);
                if (pieces[i].Length > 0) ShouldBeClose(logits[i, ..pieces[i].Length], alone[i][held[i]..cache.Lengths[i]], $"row {i} from {held[i]}");
            }
        }
    }

    [Theory, MemberData(nameof(Cases))]
    public void Batched_PaddedOnEitherSide_IsEachRowAlone(string type, ulong seed)
    {
        Draw(type, seed);
        var longest = rows.Max(row => row.Length);
        var left = rows.Select(row => longest - row.Length).ToArray();
        var tokens = stack(rows.Select((row, i) => cat([zeros([left[i]], ScalarType.Int64), tensor(row)])).ToList());
        var mask = stack(left.Select(pad => cat([zeros(pad), ones(longest - pad)])).ToList());

        var (right, masked) = (model.Logits(model.Hidden(PaddedRight(rows))), model.Logits(model.Hidden(tokens, mask)));

        for (var i = 0; i < rows.Length; i++)
        {
            ShouldBeClose(right[i, ..rows[i].Length], alone[i], $"row {i}, padded on the right");
            ShouldBeClose(masked[i, left[i]..], alone[i], $"row {i}, padded on the left");
        }
    }

    [Theory, MemberData(nameof(Cases))]
    public void Cached_AllTokensOfARow_IsThePlainForward(string type, ulong seed)
    {
        Draw(type, seed);
        for (var i = 0; i < rows.Length; i++)
        {
            using var cache = model.NewCache(1, rows[i].Length);
            ShouldBeClose(model.InferenceLogits(model.Hidden(tensor(rows[i]).unsqueeze(0), cache)[0]), alone[i], $"row {i}");
        }
    }

    /// <summary>A model, one to five rows of any lengths, and their logits by the plain forward.</summary>
    private void Draw(string type, ulong seed)
    {
        (model, random) = (TinyModels.Create(type, seed), new RandomSource(seed));
        rows = [.. Enumerable.Range(0, 1 + random.Next(5)).Select(_ => Enumerable.Range(0, 1 + random.Next(LongestRow)).Select(_ => (long)random.Next(model.Config.VocabSize)).ToArray())];
        alone = [.. rows.Select(row => model.Logits(model.Hidden(tensor(row).unsqueeze(0)))[0])];
    }

    private static Tensor PaddedRight(long[][] rows)
    {
        var width = Math.Max(1, rows.Max(row => row.Length));
        return tensor(rows.SelectMany(row => row.Concat(new long[width - row.Length])).ToArray(), [rows.Length, width]);
    }

    private void ShouldBeClose(Tensor actual, Tensor expected, string where) =>
        GoldenModel.MaxDifference(actual, expected).Should().BeLessThan(1e-4 * (1 + expected.abs().max().item<float>()), $"{where} of {model.Config with { Raw = null }}");
}
