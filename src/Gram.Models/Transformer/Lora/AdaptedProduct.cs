using Gram.Models.Native;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Gram.Models.Transformer.Lora;

/// <summary>
/// x·Wᵀ + bias + scale·(x·Aᵀ)·Bᵀ over a frozen float32 weight on a CPU, as one operator with a gradient: the small products are added
/// where the large ones lie, and multiplied in the order that is fastest for a few columns. Of operators they took a quarter of a block's time.
/// </summary>
internal sealed class AdaptedProduct : autograd.SingleTensorFunction<AdaptedProduct>
{
    /// <inheritdoc/>
    public override string Name => nameof(AdaptedProduct);

    /// <summary>Whether it takes such an input of a layer.</summary>
    public static bool Takes(Tensor x, Linear plain) =>
        x.dtype == ScalarType.Float32 && x.device_type == DeviceType.CPU && plain.Weight.dtype == ScalarType.Float32 && !plain.Weight.requires_grad && plain.Bias?.requires_grad != true;

    /// <summary>[..., out] of x [..., in]. The same bits with gradients and without.</summary>
    public static Tensor Of(Tensor x, Linear plain, LoraLinear lora)
    {
        if (is_grad_enabled()) return apply(x, lora.A, lora.B, new Settings(plain, lora.Scale));
        using var scope = NewDisposeScope();
        return Forward(x, lora.A, lora.B, new(plain, lora.Scale)).Result.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        using var scope = NewDisposeScope();
        var (x, a, b, settings) = ((Tensor)vars[0], (Tensor)vars[1], (Tensor)vars[2], (Settings)vars[3]);
        var (result, lowered) = Forward(x, a, b, settings);
        ctx.save_for_backward([x, a, b, lowered.MoveToOuterDisposeScope()]);
        ctx.save_data(nameof(Settings), settings);
        return result.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var saved = ctx.get_saved_variables();
        var (x, a, b, lowered) = (saved[0], saved[1], saved[2], saved[3]);
        var settings = (Settings)ctx.get_data(nameof(Settings));
        var upstream = Flat(grad_output); // [tokens, out]
        var ofLowered = F.linear(upstream, b.t().contiguous()).mul_(settings.Scale); // [tokens, rank]
        var dA = a.requires_grad ? ofLowered.t().mm(Flat(x)) : null;
        var dB = b.requires_grad ? lowered.t().mm(upstream).t().mul(settings.Scale) : null; // a product of few rows is faster than one of few columns
        var dx = x.requires_grad ? upstream.mm(settings.Plain.Weight).addmm_(ofLowered, a, 1, 1).view(x.shape) : null;
        return Gradients.Return(grad_output, dx?.DetachFromDisposeScope(), dA?.DetachFromDisposeScope(), dB?.DetachFromDisposeScope(), null);
    }

    private static (Tensor Result, Tensor Lowered) Forward(Tensor x, Tensor a, Tensor b, Settings settings)
    {
        using var noGrad = no_grad();
        var result = settings.Plain.Forward(x); // [..., out]
        var lowered = F.linear(Flat(x), a); // [tokens, rank]
        Flat(result).addmm_(lowered, b.t(), 1, (float)settings.Scale);
        return (result, lowered);
    }

    private static Tensor Flat(Tensor x) => x.reshape(-1, x.shape[^1]);

    private sealed record Settings(Linear Plain, double Scale);
}
