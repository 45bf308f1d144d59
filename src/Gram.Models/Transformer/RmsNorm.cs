using Gram.Models.Kernels;
using Gram.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Transformer;

/// <summary>Root-mean-square norm, x · rsqrt(mean(x²) + eps) · weight (Zhang and Sennrich 2019), as Hugging Face computes it: in float32, narrowed before the weight.</summary>
internal readonly record struct RmsNorm(Tensor Weight, double Epsilon)
{
    /// <summary>x [..., width] to the same shape.</summary>
    public Tensor Forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return (Elements.Take(x) ? FusedNorm.Of(x, Weight, Epsilon) : Composed(x)).MoveToOuterDisposeScope();
    }

    private Tensor Composed(Tensor x)
    {
        var wide = x.to(ScalarType.Float32);
        var scale = wide.square().mean([-1], keepdim: true).add(Epsilon).rsqrt(); // [..., 1]
        return wide.mul(scale).to(x.dtype) * Weight;
    }
}

/// <summary>The norm on a CPU as one operator with a gradient, which keeps its arguments and a number a row.</summary>
internal sealed class FusedNorm : autograd.SingleTensorFunction<FusedNorm>
{
    private const int Parts = 64; // of the rows, whose gradients of the weight are summed apart: the same for any number of threads

    /// <inheritdoc/>
    public override string Name => nameof(FusedNorm);

    /// <summary>The norm of x [..., width] with a weight [width] of its dtype.</summary>
    public static Tensor Of(Tensor x, Tensor weight, double epsilon) => is_grad_enabled()
        ? apply(x, weight, epsilon)
        : Forward(x.contiguous(), weight.contiguous(), epsilon).Result;

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        using var scope = NewDisposeScope();
        var (x, weight) = (((Tensor)vars[0]).contiguous(), ((Tensor)vars[1]).contiguous());
        var (result, scales) = Forward(x, weight, (double)vars[2]);
        ctx.save_for_backward([x.MoveToOuterDisposeScope(), weight.MoveToOuterDisposeScope(), scales.MoveToOuterDisposeScope()]);
        return result.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override unsafe List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var saved = ctx.get_saved_variables();
        var (x, weight, scales, upstream) = (saved[0], saved[1], saved[2], grad_output.contiguous());
        var (width, rows) = ((int)weight.numel(), (int)scales.numel());
        var dx = empty_like(x);
        var dWeight = weight.requires_grad ? empty_like(weight) : null;
        if (x.dtype == ScalarType.BFloat16) Run<ushort>();
        else Run<float>();
        return Gradients.Return(grad_output, dx.DetachFromDisposeScope(), dWeight?.DetachFromDisposeScope(), null);

        void Run<T>() where T : unmanaged
        {
            var partRows = (rows + Parts - 1) / Parts;
            var parts = (rows + partRows - 1) / partRows;
            var sums = dWeight is null ? null : (float*)Shim.Data(zeros(parts, width));
            T* from = (T*)Shim.Data(x), w = (T*)Shim.Data(weight), dy = (T*)Shim.Data(upstream), to = (T*)Shim.Data(dx);
            var scale = (float*)Shim.Data(scales);
            Team.ForEach(parts, 1, (part, _) =>
            {
                for (var row = (long)part * partRows; row < Math.Min(rows, (part + 1L) * partRows); row++)
                    NormKernels.Backward(from + (row * width), w, dy + (row * width), to + (row * width), sums == null ? null : sums + ((long)part * width), width, scale[row]);
            });
            if (sums != null) NormKernels.Sum(sums, parts, width, (T*)Shim.Data(dWeight!));
        }
    }

    private static unsafe (Tensor Result, Tensor Scales) Forward(Tensor x, Tensor weight, double epsilon)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var width = (int)weight.numel();
        var rows = (int)(x.numel() / width);
        var (result, scales) = (empty_like(x), empty(rows));
        if (x.dtype == ScalarType.BFloat16) Run<ushort>();
        else Run<float>();
        return (result.MoveToOuterDisposeScope(), scales.MoveToOuterDisposeScope());

        void Run<T>() where T : unmanaged
        {
            T* from = (T*)Shim.Data(x), w = (T*)Shim.Data(weight), to = (T*)Shim.Data(result);
            var scale = (float*)Shim.Data(scales);
            Team.ForEach(rows, 16, (first, end) =>
            {
                for (long row = first; row < end; row++) scale[row] = NormKernels.Forward(from + (row * width), w, to + (row * width), width, epsilon);
            });
        }
    }
}
