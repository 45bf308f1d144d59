using Gram.Models.Transformer;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Generation;

/// <summary>A left-padded batch of prompts, run through the model once: what all their responses start from.</summary>
internal sealed class Prefill : IDisposable
{
    private readonly int[] padding;

    public Prefill(CausalLM model, IReadOnlyList<int[]> prompts, int padToken, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Width = prompts.Max(prompt => prompt.Length);
        padding = [.. prompts.Select(prompt => Width - prompt.Length)];
        var ids = new long[prompts.Count * Width];
        Array.Fill(ids, padToken);
        for (var row = 0; row < prompts.Count; row++)
            for (var t = 0; t < prompts[row].Length; t++) ids[row * Width + padding[row] + t] = prompts[row][t];

        using var scope = NewDisposeScope();
        Cache = model.NewCache(prompts.Count, Width);
        var tokens = tensor(ids, [prompts.Count, Width], device: model.Device);
        var hidden = model.Hidden(tokens, Mask([.. Enumerable.Range(0, prompts.Count)], Width, model.Device), Cache); // [prompts, width, hidden]
        Logits = model.Logits(hidden.select(1, Width - 1), packed: true).DetachFromDisposeScope();
    }

    /// <summary>Length of the longest prompt: columns of the padded batch.</summary>
    public int Width { get; }

    /// <summary>Keys and values of the prompts.</summary>
    public KvCache Cache { get; }

    /// <summary>[prompts, vocab] logits of the first new token.</summary>
    public Tensor Logits { get; }

    /// <summary>[slots, width] int64, 0 on the padding of each slot's prompt and 1 elsewhere; null where none of them is padded.</summary>
    public Tensor? Mask(IReadOnlyList<int> slots, int width, Device device)
    {
        if (slots.All(slot => padding[slot] == 0)) return null;
        var mask = new long[slots.Count * width];
        for (var row = 0; row < slots.Count; row++) Array.Fill(mask, 1, row * width + padding[slots[row]], width - padding[slots[row]]);
        return tensor(mask, [slots.Count, width], device: device);
    }

    public void Dispose()
    {
        Cache.Dispose();
        Logits.Dispose();
    }
}
