using Gram.Models.Tokenization;
using Gram.Models.Transformer;

namespace Gram.Reward.Judging;

/// <summary>GRAM in this process: two label rows, one position, both orders, shared prefixes computed once.</summary>
public sealed class GramJudge : IPairJudge, IDisposable
{
    /// <summary>Loads a GRAM checkpoint. Labels of more than one token are an error that names label and ids.</summary>
    public static GramJudge Load(string directory, TorchSharp.torch.ScalarType dtype = TorchSharp.torch.ScalarType.Float32, TorchSharp.torch.Device? device = null, int batchTokens = 8192) => throw new NotImplementedException();
    /// <summary>A judge over a model in memory (not owned).</summary>
    public GramJudge(CausalLM model, Tokenizer tokenizer, GramConfig config, int batchTokens = 8192) => throw new NotImplementedException();
    /// <summary>Pairs whose answers had to be shortened to fit the context.</summary>
    public long Shortened => throw new NotImplementedException();
    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<PairScore>> ScoreAsync(IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    /// <inheritdoc/>
    public void Dispose() { }
}
