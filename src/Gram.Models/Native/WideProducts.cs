using System.Runtime.Intrinsics.X86;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Gram.Models.Native;

/// <summary>
/// Matrix products of bfloat16 tensors on a CPU that has no fast ones: operands are widened to float32 and the result is narrowed,
/// which rounds no more often than bfloat16 instructions do. libtorch's own bfloat16 loop is a hundred times slower than its float32 one.
/// </summary>
internal static class WideProducts
{
    /// <summary>Whether oneDNN, and with it libtorch, has bfloat16 kernels for this processor (mkldnn_bf16_device_check).</summary>
    public static bool HasBFloat16Kernels { get; } = Avx512BW.VL.IsSupported && Avx512DQ.IsSupported;

    /// <summary>Whether this processor multiplies bfloat16 numbers itself (AVX512-BF16): products of many rows take a fraction of float32's time.</summary>
    public static bool HasBFloat16Instructions { get; } = HasBFloat16Kernels && X86Base.X64.IsSupported && X86Base.CpuId(0, 0).Eax >= 7 && (X86Base.CpuId(7, 1).Eax & 1 << 5) != 0;

    /// <summary>Whether products of a tensor are to be widened.</summary>
    public static bool Takes(Tensor x) => !HasBFloat16Kernels && x.dtype == ScalarType.BFloat16 && x.device_type == DeviceType.CPU;

    /// <summary>x [..., in] times weight [out, in] transposed, plus a bias; differentiable, gradients in bfloat16.</summary>
    public static Tensor Linear(Tensor x, Tensor weight, Tensor? bias)
    {
        using var scope = NewDisposeScope();
        return F.linear(Widen(x), Widen(weight), bias is null ? null : Widen(bias)).to(x.dtype).MoveToOuterDisposeScope();
    }

    /// <summary>A float32 copy.</summary>
    public static Tensor Widen(Tensor x) => x.to(ScalarType.Float32);
}
