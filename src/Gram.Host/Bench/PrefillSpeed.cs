using static TorchSharp.torch;

namespace Gram.Host.Bench;

/// <summary>One prompt into a cache, and the logits of its last token.</summary>
internal static class PrefillSpeed
{
    /// <summary>Tokens a second; the floor is arithmetic.</summary>
    public static Measurement Measure(BenchSubject subject, int tokens)
    {
        var model = subject.Model;
        using var noGrad = no_grad();
        using var ids = tensor(subject.Tokens(tokens, 0).Select(id => (long)id).ToArray(), [1, tokens], device: model.Device);
        var seconds = subject.BestOf(() =>
        {
            using var step = NewDisposeScope();
            using var cache = model.NewCache(1, tokens);
            model.InferenceLogits(model.Hidden(ids, cache).select(1, tokens - 1));
        });
        var work = new ModelWork(model.Config).Forward(tokens, 1, ModelWork.Causal(1, tokens));
        return new Measurement(tokens, "tokens/s", seconds, floors => work / floors.Gemm(model.DType));
    }
}
