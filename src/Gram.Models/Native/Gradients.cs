using static TorchSharp.torch;

namespace Gram.Models.Native;

/// <summary>What the backward of an autograd function of this project returns.</summary>
internal static class Gradients
{
    /// <summary>
    /// Gradients of a function's arguments, null for those without. They stay referenced as long as the graph: TorchSharp hands
    /// native code their bare handles, which a garbage collection between the two would free where no dispose scope holds them,
    /// as on the threads of a CUDA device.
    /// </summary>
    public static List<Tensor> Return(autograd.AutogradContext ctx, params Tensor?[] gradients)
    {
        ctx.save_data(nameof(Gradients), gradients);
        return [.. gradients.Select(gradient => gradient!)];
    }
}
