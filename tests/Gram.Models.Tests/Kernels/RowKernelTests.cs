using System.Runtime.Intrinsics;
using Gram.Models.Kernels;

namespace Gram.Models.Tests.Kernels;

/// <summary>Kernels of one row against their formulas in float64, on vectors of both widths, at lengths around whole steps of vectors.</summary>
public sealed unsafe class RowKernelTests
{
    public static IEnumerable<object[]> Lengths => new[] { 1, 5, 15, 16, 31, 32, 33, 64, 100 }.Select(length => new object[] { length });

    [Theory, MemberData(nameof(Lengths))]
    public void Gate_BothWidths_EqualTheFormulasAndEachOther(int count)
    {
        var (gate, up, dy) = (Random(count, 1), Random(count, 2), Random(count, 3));
        var narrow = Of<Lanes8, Vector256<float>>();
        var wide = Of<Lanes16, Vector512<float>>();

        narrow.Should().Equal(wide);
        for (var i = 0; i < count; i++)
        {
            double g = gate[i], sigmoid = 1 / (1 + Math.Exp(-g));
            narrow[i].Should().BeApproximately((float)(g * sigmoid * up[i]), 1e-5f);
            narrow[count + i].Should().BeApproximately((float)(dy[i] * up[i] * sigmoid * (1 + (g * (1 - sigmoid)))), 1e-5f);
            narrow[(2 * count) + i].Should().BeApproximately((float)(dy[i] * g * sigmoid), 1e-5f);
        }

        float[] Of<L, V>() where L : ILanes<V> where V : unmanaged
        {
            var result = new float[3 * count];
            fixed (float* g = gate, u = up, d = dy, to = result)
            {
                GateKernels.Forward<L, V, float>(g, u, to, count);
                GateKernels.Backward<L, V, float>(g, u, d, to + count, to + (2 * count), count);
            }
            return result;
        }
    }

    [Theory, MemberData(nameof(Lengths))]
    public void Norm_BothWidths_EqualTheFormulas(int width)
    {
        const double Epsilon = 1e-5;
        var (x, weight, dy) = (Random(width, 4), Random(width, 5), Random(width, 6));
        var scale = 1 / Math.Sqrt(x.Average(value => (double)value * value) + Epsilon);
        var mean = Enumerable.Range(0, width).Average(i => (double)dy[i] * weight[i] * x[i]);
        Check<Lanes8, Vector256<float>>();
        Check<Lanes16, Vector512<float>>();

        void Check<L, V>() where L : ILanes<V> where V : unmanaged
        {
            float[] y = new float[width], dx = new float[width], sums = Enumerable.Repeat(1f, width).ToArray(), dWeight = new float[width];
            fixed (float* from = x, w = weight, d = dy, to = y, dTo = dx, s = sums, dW = dWeight)
            {
                var known = NormKernels.Forward<L, V, float>(from, w, to, width, Epsilon);
                NormKernels.Backward<L, V, float>(from, w, d, dTo, s, width, known);
                NormKernels.Put<L, V, float>(s, width, dW);
            }
            for (var i = 0; i < width; i++)
            {
                y[i].Should().BeApproximately((float)(x[i] * scale * weight[i]), 1e-5f);
                dx[i].Should().BeApproximately((float)(scale * ((dy[i] * weight[i]) - (x[i] * scale * scale * mean))), 1e-4f);
                dWeight[i].Should().BeApproximately((float)(1 + (dy[i] * x[i] * scale)), 1e-5f, "it is added to");
            }
        }
    }

    [Theory, MemberData(nameof(Lengths))]
    public void Softmax_BothWidths_EqualsTheFormula(int count)
    {
        const float Scale = 0.3f;
        var scores = Random(count, 7);
        var logSum = Math.Log(scores.Sum(score => Math.Exp(score * Scale)));
        Check<Lanes8, Vector256<float>>();
        Check<Lanes16, Vector512<float>>();

        void Check<L, V>() where L : ILanes<V> where V : unmanaged
        {
            float[] p = [.. scores];
            fixed (float* at = p) SoftmaxKernels.Softmax<L, V>(at, count, Scale).Should().BeApproximately((float)logSum, 1e-5f);
            for (var i = 0; i < count; i++) p[i].Should().BeApproximately((float)Math.Exp((scores[i] * Scale) - logSum), 1e-6f);
        }
    }

    [Theory, MemberData(nameof(Lengths))]
    public void SoftmaxRead_BlockAfterBlock_EqualsTheWholeRow(int count)
    {
        const float Scale = 0.7f;
        var logits = Random(count, 8);
        float weighted = 0;
        var (max, sum) = Read(&weighted);

        max.Should().Be(logits.Max() * Scale);
        sum.Should().BeApproximately((float)logits.Sum(z => Math.Exp((z * Scale) - max)), 1e-4f);
        weighted.Should().BeApproximately((float)logits.Sum(z => Math.Exp((z * Scale) - max) * ((z * Scale) - max)), 1e-4f);
        Read(null).Should().Be((max, sum), "without an entropy the others have the same bits");

        (float Max, float Sum) Read(float* weights)
        {
            float most = float.NegativeInfinity, total = 0;
            fixed (float* row = logits)
            {
                for (var from = 0; from < count; from += 13) SoftmaxKernels.Read(row + from, Math.Min(13, count - from), Scale, ref most, ref total, weights);
            }
            return (most, total);
        }
    }

    [Theory, MemberData(nameof(Lengths))]
    public void WeightedSums_TransposedAndAdding_EqualTheSums(int width)
    {
        const int Queries = 6, Count = 5;
        var (weights, rows) = (Random(Queries * Count, 9), Random(Count * width, 10));
        Check<Lanes8, Vector256<float>>();
        Check<Lanes16, Vector512<float>>();

        void Check<L, V>() where L : ILanes<V> where V : unmanaged
        {
            float[] y = Enumerable.Repeat(2f, Queries * width).ToArray(), turned = [.. y];
            fixed (float* w = weights, from = rows, to = y, other = turned)
            {
                WeightedSums.Of<L, V, float>(new(w, Count, 1), Queries, from, width, Count, to, width, width, add: true);
                WeightedSums.Of<L, V, float>(new(w, 1, Queries), Queries, from, width, Count, other, width, width, add: false);
            }
            for (var q = 0; q < Queries; q++)
            {
                for (var d = 0; d < width; d++)
                {
                    y[(q * width) + d].Should().BeApproximately(2 + Enumerable.Range(0, Count).Sum(j => weights[(q * Count) + j] * rows[(j * width) + d]), 1e-4f);
                    turned[(q * width) + d].Should().BeApproximately(Enumerable.Range(0, Count).Sum(j => weights[(j * Queries) + q] * rows[(j * width) + d]), 1e-4f);
                }
            }
        }
    }

    [Theory, MemberData(nameof(Lengths))]
    public void BFloat16_StoredByBothWidths_IsRoundedToTheNearest(int count)
    {
        var values = Random(count, 11);
        var (narrow, wide) = (Stored<Lanes8, Vector256<float>>(), Stored<Lanes16, Vector512<float>>());

        narrow.Should().Equal(values.Select(Elements.FromSingle<ushort>));
        wide.Should().Equal(narrow);

        ushort[] Stored<L, V>() where L : ILanes<V> where V : unmanaged
        {
            var result = new ushort[count];
            var padded = stackalloc float[Elements.MostOfAStep];
            var stored = stackalloc ushort[Elements.MostOfAStep];
            for (var from = 0; from < count; from += 2 * L.Count)
            {
                var length = Math.Min(2 * L.Count, count - from);
                fixed (float* at = values) Elements.Pad(at + from, length, padded);
                var (even, odd) = L.Split(L.Load(padded), L.Load(padded + L.Count));
                L.StoreEvenOdd(even, odd, stored);
                for (var i = 0; i < length; i++) result[from + i] = stored[i];
            }
            return result;
        }
    }

    private static float[] Random(int count, int seed)
    {
        var random = new RandomSource((ulong)seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)((random.NextDouble() * 6) - 3))];
    }
}
