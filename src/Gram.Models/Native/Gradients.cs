using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Native;

/// <summary>What the backward of an autograd function of this project returns.</summary>
internal static class Gradients
{
    [ThreadStatic]
    private static Tensor?[]? handed;

    /// <summary>
    /// Gradients of a function's arguments, null for those without. TorchSharp hands native code their bare handles, which a garbage
    /// collection between the two would free where nothing holds them; so they are held until the thread's next function returns its own, when native
    /// code has long had references to these. Held as long as the graph they would take as much memory again as its activations; so
    /// would what came in, which TorchSharp leaves to the caller's dispose scope.
    /// </summary>
    /// <param name="upstream">The gradient that the backward was given; no longer needed.</param>
    /// <param name="gradients">Of the arguments, held by no dispose scope.</param>
    public static List<Tensor> Return(Tensor upstream, params Tensor?[] gradients)
    {
        upstream.Dispose();
        foreach (var gradient in handed ?? []) gradient?.Dispose();
        handed = gradients;
        return [.. gradients.Select(gradient => gradient!)];
    }
}
