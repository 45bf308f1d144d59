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

    [Theory, MemberData(nameof(Cases))]
    public void Packed_SeveralInARow_IsEachRowAlone(string type, ulong seed)
    {
        Draw(type, seed);
        var (tokens, packed, places) = Pack();

        var logits = model.Logits(model.Hidden(tokens, packed)).flatten(0, 1);

        for (var i = 0; i < rows.Length; i++) ShouldBeClose(logits[places[i]..(places[i] + rows[i].Length)], alone[i], $"row {i}");
    }

    [Theory, MemberData(nameof(Cases))]
    public void Packed_Gradients_AreThoseOfEachRowAlone(string type, ulong seed)
    {
        Draw(type, seed);
        model.SetTrainable(true);
        var (tokens, packed, places) = Pack();
        var expected = Gradients(() => rows.Aggregate(zeros(1), (sum, row) => sum + Loss(model.Hidden(tensor(row).unsqueeze(0))[0])));

        var actual = Gradients(() =>
        {
            var hidden = model.Hidden(tokens, packed).flatten(0, 1);
            return rows.Select((row, i) => Loss(hidden[places[i]..(places[i] + row.Length)])).Aggregate((sum, loss) => sum + loss);
        });

        actual.Keys.Should().BeEquivalentTo(expected.Keys);
        foreach (var (name, gradient) in expected) ShouldBeClose(actual[name], gradient, name);

        Dictionary<string, Tensor> Gradients(Func<Tensor> loss)
        {
            foreach (var parameter in model.Parameters.Values) parameter.grad = null;
            loss().backward();
            return model.Parameters.Where(parameter => parameter.Value.grad is not null).ToDictionary(parameter => parameter.Key, parameter => parameter.Value.grad!.clone());
        }

        static Tensor Loss(Tensor hidden) => (hidden * arange(hidden.numel()).view(hidden.shape).cos()).sum();
    }

    [Theory, MemberData(nameof(Cases))]
    public void Packed_ByOperators_IsByKernels(string type, ulong seed)
    {
        Draw(type, seed);
        var (tokens, packed, places) = Pack();
        using var wide = model.Clone(ScalarType.Float64); // which kernels do not take

        var (operators, kernels) = (wide.Hidden(tokens, packed).flatten(0, 1).to(ScalarType.Float32), model.Hidden(tokens, packed).flatten(0, 1));

        for (var i = 0; i < rows.Length; i++) ShouldBeClose(kernels[places[i]..(places[i] + rows[i].Length)], operators[places[i]..(places[i] + rows[i].Length)], $"row {i}");
    }

    /// <summary>The rows dealt out to some packed rows, padded on the right; and where each begins in all tokens.</summary>
    private (Tensor Tokens, PackedRows Packed, int[] Places) Pack()
    {
        var count = 1 + random.Next(rows.Length);
        int[][] dealt = [.. Enumerable.Range(0, count).Select(row => Enumerable.Range(0, rows.Length).Where(i => i % count == row).ToArray())];
        var width = dealt.Max(row => row.Sum(i => rows[i].Length)) + random.Next(3);
        var places = new int[rows.Length];
        for (var row = 0; row < count; row++)
        {
            var first = row * width;
            foreach (var i in dealt[row])
            {
                places[i] = first;
                first += rows[i].Length;
            }
        }
        var tokens = zeros([count, width], ScalarType.Int64);
        for (var i = 0; i < rows.Length; i++) tokens.view(-1)[places[i]..(places[i] + rows[i].Length)] = tensor(rows[i]);
        return (tokens, new PackedRows([.. dealt.Select(row => Array.ConvertAll(row, i => rows[i].Length))], width), places);
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
