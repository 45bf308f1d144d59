using Gram.Models.Kernels;
using Gram.Models.Native;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Gram.Models.Transformer;

/// <summary>silu(gate) · up (Shazeer 2020, SwiGLU): on a CPU one operator with a gradient, which keeps its two arguments alone.</summary>
internal sealed class GatedActivation : autograd.SingleTensorFunction<GatedActivation>
{
    private const int AtOnce = 4096; // numbers: few enough for the nearest cache

    /// <inheritdoc/>
    public override string Name => nameof(GatedActivation);

    /// <summary>Two tensors of one shape to the same shape. Where there is no gradient, gate may be overwritten.</summary>
    public static Tensor Of(Tensor gate, Tensor up) =>
        !Elements.Take(gate) ? is_grad_enabled() ? F.silu(gate) * up : F.silu(gate).mul_(up)
        : is_grad_enabled() ? apply(gate, up)
        : Overwrite(gate.contiguous(), up.contiguous());

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        using var scope = NewDisposeScope();
        var (gate, up) = (((Tensor)vars[0]).contiguous(), ((Tensor)vars[1]).contiguous());
        ctx.save_for_backward([gate.MoveToOuterDisposeScope(), up.MoveToOuterDisposeScope()]);
        return Forward(gate, up, empty_like(gate)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override unsafe List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var saved = ctx.get_saved_variables();
        var (gate, up, upstream) = (saved[0], saved[1], grad_output.contiguous());
        var (dGate, dUp) = (empty_like(gate), empty_like(up));
        if (gate.dtype == ScalarType.BFloat16) Run<ushort>();
        else Run<float>();
        return Gradients.Return(grad_output, dGate.DetachFromDisposeScope(), dUp.DetachFromDisposeScope());

        void Run<T>() where T : unmanaged
        {
            T* g = (T*)Shim.Data(gate), u = (T*)Shim.Data(up), dy = (T*)Shim.Data(upstream), dg = (T*)Shim.Data(dGate), du = (T*)Shim.Data(dUp);
            Team.ForEach((int)gate.numel(), AtOnce, (from, to) => GateKernels.Backward(g + from, u + from, dy + from, dg + from, du + from, to - from));
        }
    }

    private static Tensor Overwrite(Tensor gate, Tensor up) => Forward(gate, up, into: gate);

    private static unsafe Tensor Forward(Tensor gate, Tensor up, Tensor into)
    {
        if (gate.dtype == ScalarType.BFloat16) Run<ushort>();
        else Run<float>();
        return into;

        void Run<T>() where T : unmanaged
        {
            T* g = (T*)Shim.Data(gate), u = (T*)Shim.Data(up), y = (T*)Shim.Data(into);
            Team.ForEach((int)gate.numel(), AtOnce, (from, to) => GateKernels.Forward(g + from, u + from, y + from, to - from));
        }
    }
}
