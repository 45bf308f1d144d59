using Gram.Models.Transformer;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Generation;

/// <summary>A right-padded batch of prompts, run through the model once: what all their responses start from.</summary>
internal sealed class Prefill : IDisposable
{
    public Prefill(CausalLM model, IReadOnlyList<int[]> prompts, int padToken, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var width = prompts.Max(prompt => prompt.Length);
        var ids = new long[prompts.Count * width];
        Array.Fill(ids, padToken);
        for (var row = 0; row < prompts.Count; row++)
            for (var t = 0; t < prompts[row].Length; t++) ids[row * width + t] = prompts[row][t];

        using var scope = NewDisposeScope();
        Cache = model.NewCache(prompts.Count, width);
        var hidden = model.Hidden(tensor(ids, [prompts.Count, width], device: model.Device), Cache); // [prompts, width, hidden]
        var last = tensor(prompts.Select((prompt, row) => (long)row * width + prompt.Length - 1).ToArray(), device: model.Device);
        Logits = model.InferenceLogits(hidden.flatten(0, 1).index_select(0, last)).DetachFromDisposeScope();
        for (var row = 0; row < prompts.Count; row++) Cache.Truncate(row, prompts[row].Length);
    }

    /// <summary>Keys and values of the prompts.</summary>
    public KvCache Cache { get; }

    /// <summary>[prompts, vocab] float32 logits of the first new token.</summary>
    public Tensor Logits { get; }

    public void Dispose()
    {
        Cache.Dispose();
        Logits.Dispose();
    }
}
