using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Gram.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Kernels;

/// <summary>The norm of many tensors together, as gradients are clipped by it.</summary>
public static unsafe class GlobalNorm
{
    private const int Part = 1 << 16, Block = 1 << 12; // numbers that a member takes at a time; that are summed in float32

    /// <summary>√ Σ x² over all numbers of all tensors; the same for any number of threads.</summary>
    /// <param name="tensors">On one device.</param>
    public static double Of(IReadOnlyCollection<Tensor> tensors)
    {
        if (tensors.Count == 0) return 0;
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        // One pass: a call for each of some hundred small tensors takes longer than reading them.
        return tensors.All(tensor => Elements.Take(tensor) && tensor.dtype == ScalarType.Float32 && tensor.is_contiguous())
            ? Math.Sqrt(SquareSum(tensors))
            : stack(tensors.Select(tensor => linalg.vector_norm(tensor))).norm().ToDouble();
    }

    private static double SquareSum(IReadOnlyCollection<Tensor> tensors)
    {
        List<(nint Data, int Count)> parts = [];
        foreach (var tensor in tensors)
        {
            var (data, count) = ((nint)Shim.Data(tensor), tensor.numel());
            for (long from = 0; from < count; from += Part) parts.Add((data + (nint)(from * sizeof(float)), (int)Math.Min(Part, count - from)));
        }
        var sums = new double[parts.Count];
        Team.ForEach(parts.Count, 1, (part, _) =>
        {
            var (data, count) = parts[part];
            for (var from = 0; from < count; from += Block) sums[part] += SquareSum((float*)data + from, Math.Min(Block, count - from));
        });
        GC.KeepAlive(tensors);
        return sums.Sum();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float SquareSum(float* x, int count)
    {
        var lanes = Vector256<float>.Count;
        Vector256<float> a = default, b = default, c = default, d = default;
        var i = 0;
        for (; i + (4 * lanes) <= count; i += 4 * lanes)
        {
            var (p, q, r, s) = (Vector256.Load(x + i), Vector256.Load(x + i + lanes), Vector256.Load(x + i + (2 * lanes)), Vector256.Load(x + i + (3 * lanes)));
            (a, b, c, d) = (a + (p * p), b + (q * q), c + (r * r), d + (s * s));
        }
        var sum = Vector256.Sum(a + b + c + d);
        for (; i < count; i++) sum += x[i] * x[i];
        return sum;
    }
}
