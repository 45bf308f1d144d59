using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Gram.Models.Native;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Gram.Models.Kernels;

/// <summary>AdamW's constants in one step.</summary>
/// <param name="Rate">Learning rate.</param>
/// <param name="Beta1">Decay of the first moment.</param>
/// <param name="Beta2">Decay of the second moment.</param>
/// <param name="WeightDecay">Decoupled decay.</param>
/// <param name="Epsilon">Added to the root of the second moment.</param>
/// <param name="Step">1-based step.</param>
public readonly record struct AdamWStep(double Rate, double Beta1, double Beta2, double WeightDecay, double Epsilon, long Step)
{
    /// <summary>Rate over the first moment's bias correction.</summary>
    public float StepSize { get; } = (float)(Rate / (1 - Math.Pow(Beta1, Step)));

    /// <summary>1 / √ of the second moment's bias correction.</summary>
    public float Root { get; } = (float)(1 / Math.Sqrt(1 - Math.Pow(Beta2, Step)));
}

/// <summary>One of a weight's moments in 8 bits a number.</summary>
/// <param name="Codes">[blocks · 256] uint8: places in a <see cref="DynamicMap"/>; the last block is filled up.</param>
/// <param name="Scales">[blocks] float32: what a block's numbers are multiplied with, their largest magnitude.</param>
public sealed record EightBitMoment(Tensor Codes, Tensor Scales) : IDisposable
{
    /// <summary>Zeros for a weight.</summary>
    public static EightBitMoment Zeros(long numbers, DynamicMap map, Device device)
    {
        var blocks = (numbers + EightBitAdamW.Block - 1) / EightBitAdamW.Block;
        return new(
            full([blocks * EightBitAdamW.Block], (long)map.Encode(0), ScalarType.Byte, device).DetachFromDisposeScope(),
            zeros([blocks], ScalarType.Float32, device).DetachFromDisposeScope());
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Codes.Dispose();
        Scales.Dispose();
    }
}

/// <summary>
/// AdamW whose moments are 8 bits a number, in blocks of 256 with a scale of their own: read, stepped with in float32, and rounded to the
/// nearest again. A second moment above 0 stays above 0, since it divides. Source: Dettmers et al., arXiv 2110.02861.
/// </summary>
public static unsafe class EightBitAdamW
{
    /// <summary>Numbers that share a scale.</summary>
    public const int Block = 256;

    private const int BlocksAtOnce = 64, Slice = 1 << 22; // a member's; numbers that operators take at a time

    /// <summary>Steps a weight in place; on a CPU as one kernel, with the same bits for any number of threads.</summary>
    /// <param name="weight">Float32, contiguous.</param>
    /// <param name="gradient">Of its shape, float32.</param>
    /// <param name="mean">First moment, signed.</param>
    /// <param name="square">Second moment, unsigned.</param>
    /// <param name="step">The constants.</param>
    public static void Step(Tensor weight, Tensor gradient, EightBitMoment mean, EightBitMoment square, AdamWStep step)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        if (Elements.Take(weight)) ByKernel(weight, gradient.contiguous(), mean, square, step);
        else ByOperators(weight, gradient, mean, square, step);
    }

    /// <summary>The same of operators, for other devices.</summary>
    internal static void ByOperators(Tensor weight, Tensor gradient, EightBitMoment mean, EightBitMoment square, AdamWStep step)
    {
        using var whole = NewDisposeScope();
        var (weights, gradients) = (weight.detach().view(-1), gradient.reshape(-1));
        var (signed, unsigned) = (Table(DynamicMap.WithSign.Values), Table(DynamicMap.Positive.Values));
        var (signedMiddles, unsignedMiddles) = (Table(DynamicMap.WithSign.Middles[..^1]), Table(DynamicMap.Positive.Middles[..^1]));
        for (long from = 0; from < weights.shape[0]; from += Slice)
        {
            using var scope = NewDisposeScope();
            var count = Math.Min(Slice, weights.shape[0] - from);
            var padded = (count + Block - 1) / Block * Block;
            var g = F.pad(gradients.narrow(0, from, count), [0, padded - count]).view(-1, Block);
            var m = (Numbers(mean, signed) * step.Beta1) + (g * (1 - step.Beta1)); // [blocks, 256]
            var v = (Numbers(square, unsigned) * step.Beta2) + (g.square() * (1 - step.Beta2));
            var w = weights.narrow(0, from, count);
            w.mul_(1 - (step.Rate * step.WeightDecay)).sub_((m * step.StepSize / ((v.sqrt() * step.Root) + step.Epsilon)).view(-1).narrow(0, 0, count));
            Store(mean, m, signedMiddles);
            Store(square, v, unsignedMiddles, v.gt(0));

            Tensor Numbers(EightBitMoment moment, Tensor table) =>
                table.index_select(0, moment.Codes.narrow(0, from, padded).to(ScalarType.Int64)).view(-1, Block) * moment.Scales.narrow(0, from / Block, padded / Block).unsqueeze(1);

            void Store(EightBitMoment moment, Tensor numbers, Tensor middles, Tensor? least = null)
            {
                var scales = numbers.abs().amax([1]); // [blocks]
                var codes = bucketize(numbers / scales.masked_fill(scales.eq(0), 1).unsqueeze(1), middles).view(-1);
                if (least is not null) codes = maximum(codes, least.view(-1).to(codes.dtype));
                moment.Codes.narrow(0, from, padded).copy_(codes);
                moment.Scales.narrow(0, from / Block, padded / Block).copy_(scales);
            }
        }

        Tensor Table(ReadOnlySpan<float> numbers) => tensor(numbers.ToArray(), device: weight.device);
    }

    private static void ByKernel(Tensor weight, Tensor gradient, EightBitMoment mean, EightBitMoment square, AdamWStep step)
    {
        var numbers = weight.numel();
        var (w, g) = ((nint)Shim.Data(weight), (nint)Shim.Data(gradient));
        var (meanCodes, meanScales, squareCodes, squareScales) = ((nint)Shim.Data(mean.Codes), (nint)Shim.Data(mean.Scales), (nint)Shim.Data(square.Codes), (nint)Shim.Data(square.Scales));
        Team.ForEach((int)mean.Scales.numel(), BlocksAtOnce, (from, to) =>
        {
            for (var block = from; block < to; block++)
            {
                var start = (long)block * Block;
                StepBlock(
                    (float*)w + start, (float*)g + start, (byte*)meanCodes + start, (float*)meanScales + block, (byte*)squareCodes + start, (float*)squareScales + block,
                    (int)Math.Min(Block, numbers - start), step);
            }
        });
        GC.KeepAlive((weight, gradient, mean, square));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void StepBlock(float* w, float* g, byte* meanCodes, float* meanScale, byte* squareCodes, float* squareScale, int count, AdamWStep step)
    {
        float* m = stackalloc float[Block], v = stackalloc float[Block];
        ref var signed = ref System.Runtime.InteropServices.MemoryMarshal.GetReference(DynamicMap.WithSign.Values);
        ref var unsigned = ref System.Runtime.InteropServices.MemoryMarshal.GetReference(DynamicMap.Positive.Values);
        for (var i = 0; i < count; i++) (m[i], v[i]) = (Unsafe.Add(ref signed, meanCodes[i]) * *meanScale, Unsafe.Add(ref unsigned, squareCodes[i]) * *squareScale);

        var (beta1, beta2, rest1, rest2) = ((float)step.Beta1, (float)step.Beta2, (float)(1 - step.Beta1), (float)(1 - step.Beta2));
        var (decay, size, root, epsilon) = ((float)(1 - (step.Rate * step.WeightDecay)), step.StepSize, step.Root, (float)step.Epsilon);
        float largestMean = 0, largestSquare = 0;
        var at = 0;
        var (means, squares) = (Vector256<float>.Zero, Vector256<float>.Zero);
        for (; at + Vector256<float>.Count <= count; at += Vector256<float>.Count)
        {
            var gradient = Vector256.Load(g + at);
            var mean = (Vector256.Load(m + at) * beta1) + (gradient * rest1);
            var square = (Vector256.Load(v + at) * beta2) + (gradient * gradient * rest2);
            Vector256.Store(mean, m + at);
            Vector256.Store(square, v + at);
            Vector256.Store((Vector256.Load(w + at) * decay) - (mean * size / ((Vector256.Sqrt(square) * root) + Vector256.Create(epsilon))), w + at);
            (means, squares) = (Vector256.Max(means, Vector256.Abs(mean)), Vector256.Max(squares, square));
        }
        for (var lane = 0; lane < Vector256<float>.Count; lane++) (largestMean, largestSquare) = (Math.Max(largestMean, means[lane]), Math.Max(largestSquare, squares[lane]));
        for (; at < count; at++)
        {
            m[at] = (m[at] * beta1) + (g[at] * rest1);
            v[at] = (v[at] * beta2) + (g[at] * g[at] * rest2);
            w[at] = (w[at] * decay) - (m[at] * size / ((MathF.Sqrt(v[at]) * root) + epsilon));
            (largestMean, largestSquare) = (Math.Max(largestMean, Math.Abs(m[at])), Math.Max(largestSquare, v[at]));
        }

        (*meanScale, *squareScale) = (largestMean, largestSquare);
        var (toMean, toSquare) = (largestMean > 0 ? 1 / largestMean : 0, largestSquare > 0 ? 1 / largestSquare : 0);
        if (float.IsInfinity(toMean)) toMean = 0; // numbers too small to be told apart from 0
        if (float.IsInfinity(toSquare)) toSquare = 0;
        for (var i = 0; i < count; i++)
        {
            meanCodes[i] = DynamicMap.WithSign.Encode(m[i] * toMean);
            squareCodes[i] = Math.Max(DynamicMap.Positive.Encode(v[i] * toSquare), v[i] > 0 ? (byte)1 : (byte)0);
        }
    }
}
