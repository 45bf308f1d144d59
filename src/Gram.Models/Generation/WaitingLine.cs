using Gram.Models.Transformer;

namespace Gram.Models.Generation;

/// <summary>
/// The responses that wait for a place in the batch, longest prompts first. Several prompts of like length are prefilled at a time,
/// once for all their responses; how many depends on the prompts alone, so that results do not depend on the size of the batch.
/// </summary>
/// <param name="model">The model.</param>
/// <param name="rows">The responses; those of a prompt stand together, longer prompts before shorter ones.</param>
/// <param name="padToken">Fills the end of shorter prompts.</param>
/// <param name="cancellationToken">Stops between prefills.</param>
internal sealed class WaitingLine(CausalLM model, IReadOnlyList<DecodingRow> rows, int padToken, CancellationToken cancellationToken) : IDisposable
{
    /// <summary>Bounds of a prefill: the second, padding included, wherever one prompt alone does not exceed it.</summary>
    private const int MaxPrompts = 32, MaxTokens = 4096;

    /// <summary>Tokens of a prefill from which a larger one is no faster, and the padding that a row of such a one may have, as a share of its longest.</summary>
    private const int WorthPrefill = 1280;
    private const double Padding = 1 / 16.0;

    private Prefill? prefill;
    private int[] slots = []; // of the prefilled rows
    private int prefilled, taken;

    /// <summary>Responses that wait.</summary>
    public int Count => rows.Count - taken;

    /// <summary>Places in the cache that the next response, and so any of them, may come to need.</summary>
    public int Room => Count == 0 ? 0 : rows[taken].Room;

    /// <summary>Tokens of the longest prompt that waits.</summary>
    public int Longest => Count == 0 ? 0 : rows[taken].Prompt.Length;

    /// <summary>Takes the next responses, at least one and at most this many: with the prefill that they start from, and their rows in it.</summary>
    public (DecodingRow[] Rows, Prefill From, int[] Slots) Take(int most)
    {
        if (taken == prefilled) Next();
        var end = Math.Min(prefilled, taken + most);
        int[] ours = slots[^(prefilled - taken)..][..(end - taken)];
        DecodingRow[] next = [.. rows.Skip(taken).Take(end - taken)];
        taken = end;
        return (next, prefill!, ours);
    }

    /// <inheritdoc/>
    public void Dispose() => prefill?.Dispose();

    private void Next()
    {
        prefill?.Dispose();
        prefill = null;
        List<int[]> prompts = [];
        List<int> places = [];
        var most = Math.Min(MaxPrompts, Math.Max(1, MaxTokens / rows[taken].Prompt.Length));
        for (; prefilled < rows.Count; prefilled++)
        {
            if (prompts.Count == 0 || rows[prefilled].Place.Prompt != rows[prefilled - 1].Place.Prompt)
            {
                var (width, prompt) = (rows[taken].Prompt.Length, rows[prefilled].Prompt);
                if (prompts.Count == most || (prompts.Count * width >= WorthPrefill && prompt.Length < (1 - Padding) * width)) break;
                prompts.Add(prompt);
            }
            places.Add(prompts.Count - 1);
        }
        slots = [.. places];
        prefill = new Prefill(model, prompts, padToken, cancellationToken);
    }
}
