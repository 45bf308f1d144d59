using Gram.Models.Checkpoints;
using Gram.Reward.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Reward.Tests.Training;

public class GramLossTests
{
    [Theory]
    [InlineData(0.0)]
    [InlineData(0.1)]
    public void PerExample_TwoLabels_IsTheClosedForm(double smoothing)
    {
        // z = 1 − 3 = −2 where label 0 is right: L = log(1 + e²) − ε; z = 2 where label 1 is: log(1 + e⁻²) + ε.
        using var scope = NewDisposeScope();
        var logits = tensor(new float[,] { { 1, 3 }, { 1, 3 } });

        var losses = GramLoss.PerExample(logits, tensor(new long[] { 0, 1 }), smoothing);

        losses[0].ToDouble().Should().BeApproximately(Math.Log(1 + Math.Exp(2)) - smoothing, 1e-6);
        losses[1].ToDouble().Should().BeApproximately(Math.Log(1 + Math.Exp(-2)) + smoothing, 1e-6);
    }

    [Fact]
    public void PerExample_LogitsFarApart_StaysFinite()
    {
        using var scope = NewDisposeScope();
        var losses = GramLoss.PerExample(tensor(new float[,] { { 500, -500 } }), tensor(new long[] { 1 }), 0);

        losses[0].ToDouble().Should().Be(1000);
    }

    [Fact]
    public void PerExample_Minimum_IsWhereTheLabelHasAllButHalfTheSmoothing()
    {
        // dL/dz = 0 at σ(z) = 1 − ε/2.
        using var scope = NewDisposeScope();
        const double smoothing = 0.1;
        var z = (float)Math.Log((1 - smoothing / 2) / (smoothing / 2));
        var logits = tensor(new float[,] { { z, 0 } }, requires_grad: true);

        GramLoss.PerExample(logits, tensor(new long[] { 0 }), smoothing).sum().backward();

        logits.grad!.abs().max().ToDouble().Should().BeLessThan(1e-7);
    }

    [SkippableFact, Trait("Category", Goldens.Category)]
    public void PerExample_GramsOwnLoss_HasTheSameValuesAndGradients()
    {
        using var store = TensorStore.OpenFile(Goldens.PathOf("rl", "gram_loss", "gram_loss.safetensors"));
        foreach (var item in Goldens.Json("rl", "gram_loss", "gram_loss.json")["cases"]!.AsArray().Select(item => item!.AsObject()))
        {
            using var scope = NewDisposeScope();
            var logits = store.Load($"k{(int)item["labels"]!}.logits").to(ScalarType.Float32).requires_grad_(); // [rows, tokens, vocabulary]
            var columns = tensor(item["label_token_ids"]!.AsArray().Select(id => (long)id!).ToArray());
            var positions = item["label_position"]!.AsArray().Select(position => (long)position!).ToArray();
            var labelLogits = stack(positions.Select((position, row) => logits[row, position - 1].index_select(0, columns)));
            labelLogits.retain_grad();
            var truth = tensor(item["truth"]!.AsArray().Select(label => (long)label!).ToArray());

            var losses = GramLoss.PerExample(labelLogits, truth, (double)item["label_smoothing"]!);
            losses.mean().backward();

            var f64 = item["f64"]!;
            losses.mean().ToDouble().Should().BeApproximately((double)f64["loss"]!, 2e-6);
            Compare(losses.detach(), [.. f64["per_row"]!.AsArray().Select(value => (double)value!)]);
            if (item["closed_form"] is { } closed) Compare(losses.detach(), [.. closed["per_row"]!.AsArray().Select(value => (double)value!)]);
            Compare(labelLogits.grad!.flatten(), [.. f64["grad_at_label_logits"]!.AsArray().SelectMany(row => row!.AsArray()).Select(value => (double)value!)]);
        }

        static void Compare(Tensor ours, double[] golden) =>
            ours.data<float>().ToArray().Select(value => (double)value).Should().Equal(golden, (a, b) => Math.Abs(a - b) <= 2e-6 * Math.Max(1, Math.Abs(b)));
    }
}
