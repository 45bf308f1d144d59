using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Gram.Models.Native;

/// <summary>
/// Linear layers whose weights are int8 with one symmetric scale for each output: W ≈ scale · Q, half of bfloat16's memory. Only
/// weights are rounded; activations keep their dtype. For models that are run, not trained.
/// </summary>
public static class Int8Linear
{
    /// <summary>Largest magnitude of a stored weight; −128 is left out, so that both signs round alike.</summary>
    private const double Most = 127;

    /// <summary>Rows up to which libtorch's int8 product beats widening the weight first.</summary>
    private const long KernelRows = 32;

    /// <summary>What the kernel needs the inputs to be a multiple of.</summary>
    private const long KernelLanes = 32;

    /// <summary>A weight [out, in] as int8 [out, in] and float32 scales [out], so that each row's largest weight is ±127 · scale.</summary>
    public static (Tensor Weight, Tensor Scale) Quantize(Tensor weight)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var wide = weight.detach().to(ScalarType.Float32, copy: true);
        var largest = maximum(wide.amax([1]), -wide.amin([1])) / Most; // [out]
        // The kernel multiplies by scales in bfloat16: rounded now, they are the same in every dtype, and Q makes up for it.
        var scale = largest.to(ScalarType.BFloat16).to(ScalarType.Float32);
        scale = where(scale == 0, ones_like(scale), scale); // a row of zeros
        var rounded = wide.div_(scale.unsqueeze(1)).round_().clamp_(-Most, Most).to(ScalarType.Int8);
        return (rounded.MoveToOuterDisposeScope(), scale.MoveToOuterDisposeScope());
    }

    /// <summary>x [..., in] to [..., out] in x's dtype; differentiable in x.</summary>
    /// <param name="x">[..., in], float32 or bfloat16.</param>
    /// <param name="weight">[out, in] int8.</param>
    /// <param name="scale">[out] float32.</param>
    /// <param name="bias">[out], or null.</param>
    public static Tensor Forward(Tensor x, Tensor weight, Tensor scale, Tensor? bias)
    {
        using var scope = NewDisposeScope();
        var y = UsesKernel(x, weight) ? Packed(x, weight, scale) : Widened(x, weight, scale);
        return (bias is null ? y : y + bias).MoveToOuterDisposeScope();
    }

    // In float32 libtorch's product is a plain loop, a hundred times slower than widening. In bfloat16 it reads whole vectors, past
    // the end of a row that is no multiple of them.
    private static bool UsesKernel(Tensor x, Tensor weight) =>
        x.dtype == ScalarType.BFloat16 && x.device_type == DeviceType.CPU && !(is_grad_enabled() && x.requires_grad)
        && weight.size(1) % KernelLanes == 0 && x.numel() <= KernelRows * weight.size(1);

    private static Tensor Packed(Tensor x, Tensor weight, Tensor scale)
    {
        var rows = x.reshape(-1, weight.size(1)).contiguous();
        var y = new DispatcherCall(stackalloc ulong[3]).Add(rows).Add(weight).Add(scale.to(x.dtype)).Tensor("aten::_weight_int8pack_mm");
        return y.view([.. x.shape[..^1], weight.size(0)]);
    }

    // Integers up to 127 are exact in bfloat16, so the scale comes after the product.
    private static Tensor Widened(Tensor x, Tensor weight, Tensor scale)
    {
        var wide = weight.to(x.dtype);
        var y = WideProducts.Takes(x) ? WideProducts.Linear(x, wide, null) : F.linear(x, wide);
        return y * scale.to(x.dtype);
    }
}
