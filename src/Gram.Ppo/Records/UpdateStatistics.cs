using Gram.Ppo.Mathematics;
using Gram.Training.Parallel;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Ppo.Records;

/// <summary>Sums over the trained tokens of an update's micro-batches, and the means that are reported of them.</summary>
public sealed class UpdateStatistics
{
    private double policyLoss, valueLoss, clipped, valueClipped, k3, entropy, ratio, squaredRatio, valueError, returns, squaredReturns;

    /// <summary>Trained tokens seen, a token once each epoch.</summary>
    public long Tokens { get; private set; }

    /// <summary>Token mean of the policy loss.</summary>
    public double PolicyLoss => policyLoss / Tokens;

    /// <summary>½·token mean of the clipped squared value error.</summary>
    public double ValueLoss => valueLoss / Tokens;

    /// <summary>Share of tokens whose ratio was clipped.</summary>
    public double PolicyClipFraction => clipped / Tokens;

    /// <summary>Share of tokens whose value was clipped.</summary>
    public double ValueClipFraction => valueClipped / Tokens;

    /// <summary>Token mean of k3 between new and old policy.</summary>
    public double ApproxKl => k3 / Tokens;

    /// <summary>Token mean of the policy's entropy.</summary>
    public double Entropy => entropy / Tokens;

    /// <summary>Token mean of π/π_old.</summary>
    public double Ratio => ratio / Tokens;

    /// <summary>Variance over tokens of π/π_old, with Bessel's correction.</summary>
    public double RatioVariance => Variance(ratio, squaredRatio);

    /// <summary>1 − mean (V − R)² / variance of R; 0 where the returns do not vary.</summary>
    public double VarianceExplained => Variance(returns, squaredReturns) is > 0 and var variance ? 1 - (valueError / Tokens / variance) : 0;

    /// <summary>Takes in a micro-batch's policy half. The mini-batch's tokens undo the division in its losses.</summary>
    internal void AddPolicy(PolicyLoss loss, Tensor logProbs, Tensor oldLogProbs, Tensor tokenEntropy, Tensor mask, long miniBatchTokens)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        Tokens += mask.sum().ToInt64();
        policyLoss += loss.Loss.ToDouble() * miniBatchTokens;
        clipped += loss.Clipped.sum().ToDouble();
        k3 += Sum(Kl.K3(oldLogProbs, logProbs), mask);
        entropy += Sum(tokenEntropy, mask);
        ratio += Sum(loss.Ratio, mask);
        squaredRatio += Sum(loss.Ratio.to(float64).square(), mask);
    }

    /// <summary>Takes in a micro-batch's value half.</summary>
    internal void AddValue(ValueLoss loss, Tensor values, Tensor targets, Tensor mask, long miniBatchTokens)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        valueLoss += loss.Loss.ToDouble() * miniBatchTokens;
        valueClipped += loss.Clipped.sum().ToDouble();
        valueError += Sum((values - targets).to(float64).square(), mask);
        returns += Sum(targets, mask);
        squaredReturns += Sum(targets.to(float64).square(), mask);
    }

    /// <summary>Makes them those of all processes.</summary>
    internal void SumOver(IProcessGroup group)
    {
        var sums = group.Total(Tokens, policyLoss, valueLoss, clipped, valueClipped, k3, entropy, ratio, squaredRatio, valueError, returns, squaredReturns);
        (Tokens, policyLoss, valueLoss, clipped, valueClipped, k3) = ((long)sums[0], sums[1], sums[2], sums[3], sums[4], sums[5]);
        (entropy, ratio, squaredRatio, valueError, returns, squaredReturns) = (sums[6], sums[7], sums[8], sums[9], sums[10], sums[11]);
    }

    /// <summary>Takes in another mini-batch's sums.</summary>
    internal void Add(UpdateStatistics other)
    {
        Tokens += other.Tokens;
        policyLoss += other.policyLoss;
        valueLoss += other.valueLoss;
        clipped += other.clipped;
        valueClipped += other.valueClipped;
        k3 += other.k3;
        entropy += other.entropy;
        ratio += other.ratio;
        squaredRatio += other.squaredRatio;
        valueError += other.valueError;
        returns += other.returns;
        squaredReturns += other.squaredReturns;
    }

    private static double Sum(Tensor values, Tensor mask) => Masked.Sum(values.to(float64), mask).ToDouble();

    private double Variance(double sum, double squares) => Tokens < 2 ? 0 : Math.Max(0, (squares - (sum * sum / Tokens)) / (Tokens - 1));
}
