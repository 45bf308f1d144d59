using static TorchSharp.torch;

namespace Gram.Models.Scoring;

/// <summary>Prompt + response rows, right-padded: causality hides the padding, so no mask and natural positions.</summary>
public sealed class SequenceBatch : IDisposable
{
    /// <summary>Builds the batch. Kept sets (of a sampling filter) are optional: [row][response token] → ids.</summary>
    public SequenceBatch(IReadOnlyList<int[]> prompts, IReadOnlyList<int[]> responses, int padToken, IReadOnlyList<int[][]?>? kept = null, Device? device = null) => throw new NotImplementedException();
    /// <summary>[rows, tokens] int64 prompt, response, padding.</summary>
    public Tensor Tokens => throw new NotImplementedException();
    /// <summary>[rows, responseTokens] int64 response ids, left-aligned, padded.</summary>
    public Tensor Responses => throw new NotImplementedException();
    /// <summary>[rows, responseTokens] bool, true on response tokens.</summary>
    public Tensor Mask => throw new NotImplementedException();
    /// <summary>[rows, responseTokens] int64 position whose hidden state predicts each response token (prompt length − 1 + t, clamped).</summary>
    public Tensor Positions => throw new NotImplementedException();
    /// <inheritdoc/>
    public void Dispose() { }
}
