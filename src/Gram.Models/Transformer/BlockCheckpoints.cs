using Gram.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Transformer;

/// <summary>
/// Blocks of one forward that keep their input alone; the backward computes the rest again, a block at a time (Chen et al. 2016,
/// "Training Deep Nets with Sublinear Memory Cost"). The same kernels on the same input: outputs and gradients are those of the plain graph,
/// bit for bit. Parameters get their gradients from the inner backward, so a model whose embedding is frozen learns too.
/// </summary>
internal sealed class BlockCheckpoints(ForwardState state, Device device)
{
    private readonly ForwardState state = state;
    // Something that requires a gradient, so that a block is part of the graph whatever its input is.
    private readonly Tensor anchor = zeros(1, device: device).requires_grad_();

    /// <summary>x [rows, t, hidden] to the same shape.</summary>
    public Tensor Forward(Block block, Tensor x)
    {
        using var scope = NewDisposeScope();
        return Function.apply(x, anchor, block, this).MoveToOuterDisposeScope();
    }

    private sealed class Function : autograd.SingleTensorFunction<Function>
    {
        public override string Name => nameof(BlockCheckpoints);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var (x, block, checkpoints) = ((Tensor)vars[0], (Block)vars[2], (BlockCheckpoints)vars[3]);
            var state = checkpoints.state;
            // What the state holds is disposed with the forward's scope; what is saved lives as long as the graph.
            ctx.save_for_backward([x, state.Angles?.Cos!, state.Angles?.Sin!, state.Mask!]);
            ctx.save_data(nameof(Block), block);
            ctx.save_data(nameof(BlockCheckpoints), checkpoints);
            return block.Forward(x, state);
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            using var scope = NewDisposeScope();
            var (block, checkpoints) = ((Block)ctx.get_data(nameof(Block)), (BlockCheckpoints)ctx.get_data(nameof(BlockCheckpoints)));
            var saved = ctx.get_saved_variables();
            var input = saved[0].detach();
            using (enable_grad())
            {
                if (saved[0].requires_grad) input.requires_grad_();
                var output = block.Forward(input, checkpoints.state with { Angles = checkpoints.state.Angles is null ? null : new(saved[1], saved[2]), Mask = saved[3] });
                if (output.requires_grad) output.backward([grad_output]);
            }
            return Gradients.Return(grad_output, input.grad?.DetachFromDisposeScope(), null, null, null);
        }
    }
}
