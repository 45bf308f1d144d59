using Gram.Models.Kernels;
using Gram.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Scoring;

/// <summary>What tokens' distributions softmax(z), z = logits / temperature, come to so far; all [tokens, 1] float32.</summary>
/// <param name="targets">[tokens, 1] int64 words.</param>
internal sealed class SoftmaxSums(Tensor targets)
{
    /// <summary>z of a token's word.</summary>
    public Tensor Target { get; } = zeros(targets.shape, ScalarType.Float32, targets.device);
    /// <summary>The largest z.</summary>
    public Tensor Top { get; } = full(targets.shape, double.NegativeInfinity, ScalarType.Float32, targets.device);
    /// <summary>Σ e^(z − top).</summary>
    public Tensor Sum { get; } = zeros(targets.shape, ScalarType.Float32, targets.device);
    /// <summary>Σ e^(z − top) · (z − top), where there is an entropy.</summary>
    public Tensor Weighted { get; } = zeros(targets.shape, ScalarType.Float32, targets.device);
}

/// <summary>The softmax of logits / temperature, read a block of the vocabulary at a time, and the gradient of the logits.</summary>
/// <param name="targets">[tokens, 1] int64 words.</param>
/// <param name="temperature">Divides the logits.</param>
/// <param name="entropy">Whether there is an entropy.</param>
internal abstract class HeadSoftmax(Tensor targets, double temperature, EntropyUse entropy)
{
    /// <summary>[tokens, 1] int64 words.</summary>
    protected Tensor Targets { get; } = targets;
    /// <summary>Divides the logits.</summary>
    protected double Temperature { get; } = temperature;
    /// <summary>Whether there is an entropy.</summary>
    protected bool WithEntropy { get; } = entropy != EntropyUse.None;

    /// <summary>The fastest way for logits of these hidden states.</summary>
    public static HeadSoftmax Of(Tensor hidden, Tensor targets, double temperature, EntropyUse entropy) =>
        Elements.Take(hidden) ? new KernelHeadSoftmax(targets, temperature, entropy) : new TensorHeadSoftmax(targets, temperature, entropy);

    /// <summary>Adds a block; its logits may be overwritten.</summary>
    public abstract void Read(HeadBlock block, SoftmaxSums sums);

    /// <summary>Overwrites a block's logits with e^(z − top) · (slope · (z − top) + constant), and adds <paramref name="atTarget"/> where the word is the token's.</summary>
    /// <param name="block">The block.</param>
    /// <param name="top">[tokens, 1] float32, as all others.</param>
    /// <param name="slope">Of the factor, or null for 0.</param>
    /// <param name="constant">Of the factor.</param>
    /// <param name="atTarget">What is added.</param>
    public abstract void Differentiate(HeadBlock block, Tensor top, Tensor? slope, Tensor constant, Tensor atTarget);
}

/// <summary>Composed of operators, for any device.</summary>
internal sealed class TensorHeadSoftmax(Tensor targets, double temperature, EntropyUse entropy) : HeadSoftmax(targets, temperature, entropy)
{
    private const double LowEnough = -1000; // e to it is 0

    /// <inheritdoc/>
    public override void Read(HeadBlock block, SoftmaxSums sums)
    {
        var z = Scaled(block);
        var (columns, elsewhere) = block.Find(Targets);
        sums.Target.add_(z.gather(1, columns).masked_fill_(elsewhere, 0));
        var top = maximum(sums.Top, z.amax([1], keepdim: true));
        var below = (sums.Top - top).clamp_(LowEnough, 0); // −∞, where nothing came before, times 0 is no number
        var factor = below.exp();
        z.sub_(top);
        var exp = WithEntropy ? z.exp() : z.exp_();
        if (WithEntropy) sums.Weighted.add_(below * sums.Sum).mul_(factor).add_((exp * z).sum(1, keepdim: true));
        sums.Sum.mul_(factor).add_(exp.sum(1, keepdim: true));
        sums.Top.copy_(top);
    }

    /// <inheritdoc/>
    public override void Differentiate(HeadBlock block, Tensor top, Tensor? slope, Tensor constant, Tensor atTarget)
    {
        var d = Scaled(block).sub_(top);
        var gradient = slope is null ? d.exp_().mul_(constant) : d.exp().mul_(d.mul_(slope).add_(constant));
        var (columns, elsewhere) = block.Find(Targets);
        block.Logits.copy_(gradient.scatter_add_(1, columns, atTarget.masked_fill(elsewhere, 0)));
    }

    private Tensor Scaled(HeadBlock block)
    {
        var logits = block.Logits.to(ScalarType.Float32);
        return Temperature == 1 ? logits : logits.div_(Temperature);
    }
}

/// <summary>As kernels, a token's block in one go, so that nothing but the logits themselves passes through memory.</summary>
internal sealed unsafe class KernelHeadSoftmax(Tensor targets, double temperature, EntropyUse entropy) : HeadSoftmax(targets, temperature, entropy)
{
    private readonly Tensor words = targets.contiguous();
    private readonly float scale = (float)(1 / temperature);

    /// <inheritdoc/>
    public override void Read(HeadBlock block, SoftmaxSums sums)
    {
        if (block.Logits.dtype == ScalarType.BFloat16) Run<ushort>();
        else Run<float>();

        void Run<T>() where T : unmanaged
        {
            var (logits, target) = ((nint)Shim.Data(block.Logits), (nint)Shim.Data(words));
            float* ofTarget = (float*)Shim.Data(sums.Target), top = (float*)Shim.Data(sums.Top), sum = (float*)Shim.Data(sums.Sum), weighted = WithEntropy ? (float*)Shim.Data(sums.Weighted) : null;
            var width = (int)block.Logits.size(1);
            Team.ForEach((int)words.numel(), 1, (token, _) =>
            {
                var row = (T*)logits + ((long)token * width);
                var column = ((long*)target)[token] - block.Start;
                if (column >= 0 && column < width) ofTarget[token] = Elements.ToSingle(row[column]) * scale;
                SoftmaxKernels.Read(row, width, scale, ref top[token], ref sum[token], weighted == null ? null : weighted + token);
            });
        }
    }

    /// <inheritdoc/>
    public override void Differentiate(HeadBlock block, Tensor top, Tensor? slope, Tensor constant, Tensor atTarget)
    {
        using var scope = NewDisposeScope();
        var (tops, constants, additions) = (top.contiguous(), constant.contiguous(), atTarget.contiguous());
        var slopes = slope?.contiguous();
        if (block.Logits.dtype == ScalarType.BFloat16) Run<ushort>();
        else Run<float>();

        void Run<T>() where T : unmanaged
        {
            var (logits, target) = ((nint)Shim.Data(block.Logits), (nint)Shim.Data(words));
            float* max = (float*)Shim.Data(tops), c = (float*)Shim.Data(constants), added = (float*)Shim.Data(additions), s = slopes is null ? null : (float*)Shim.Data(slopes);
            var width = (int)block.Logits.size(1);
            Team.ForEach((int)words.numel(), 1, (token, _) =>
            {
                var row = (T*)logits + ((long)token * width);
                var (column, factor) = (((long*)target)[token] - block.Start, s == null ? 0 : s[token]);
                var here = column >= 0 && column < width;
                var d = here ? (Elements.ToSingle(row[column]) * scale) - max[token] : 0;
                SoftmaxKernels.Differentiate(row, width, scale, max[token], factor, c[token]);
                if (here) row[column] = Elements.FromSingle<T>((Exponential.Of(d) * ((d * factor) + c[token])) + added[token]);
            });
        }
    }
}
