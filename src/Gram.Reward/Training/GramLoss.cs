using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Gram.Reward.Training;

/// <summary>GRAM's stage-2 loss: cross-entropy over the label logits only, with label smoothing. Source: GRAM's compute_loss_func; gram.md §3.</summary>
public static class GramLoss
{
    /// <summary>The loss of each example.</summary>
    /// <param name="labelLogits">[n, K] float32 logits of the K labels at the position that predicts the label.</param>
    /// <param name="labels">[n] int64 index of the correct label.</param>
    /// <param name="smoothing">ε: the target is 1 − ε + ε/K on the correct label and ε/K on the others.</param>
    /// <returns>[n] losses.</returns>
    public static Tensor PerExample(Tensor labelLogits, Tensor labels, double smoothing)
    {
        using var scope = NewDisposeScope();
        var correct = labelLogits.gather(1, labels.unsqueeze(1)); // [n, 1]
        // −(1 − ε)·log p(correct) − (ε/K)·Σ log p = logsumexp − (1 − ε)·correct − ε·mean, with logits taken relative to the
        // correct one; for K = 2 and z = correct − other that is softplus(−z) + (ε/2)·z.
        var relative = labelLogits - correct; // [n, K], 0 at the correct label
        var loss = labelLogits.shape[1] == 2
            ? F.softplus(relative.sum(1)) - 0.5 * smoothing * relative.sum(1)
            : relative.logsumexp(1) - smoothing * relative.mean([1]);
        return loss.MoveToOuterDisposeScope();
    }
}
