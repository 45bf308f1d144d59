using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Transformer.Lora;

/// <summary>
/// Dropout of the adapters' inputs in one training forward. The forward's seed and a module's place say what is dropped,
/// so that a block that is computed again in the backward drops the same.
/// </summary>
internal readonly record struct LoraDropout(double Probability, ulong Seed)
{
    /// <summary>x · mask / (1 − p).</summary>
    /// <param name="x">[..., in].</param>
    /// <param name="place">Which of the model's adapters reads x.</param>
    public Tensor Apply(Tensor x, int place)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(new RandomSource(Seed + (ulong)place).NextUInt64(), x.device);
        var mask = empty_like(x, requires_grad: false).bernoulli_(1 - Probability, generator);
        return (x * mask.div_(1 - Probability)).MoveToOuterDisposeScope();
    }
}
