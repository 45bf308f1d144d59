using Gram.Models.Tokenization;
using Gram.Models.Transformer;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Generation;

/// <summary>Greedy and sampled generation in batches, one prefill for all responses of a prompt.</summary>
/// <param name="model">The model; it stays in its owner's hands.</param>
/// <param name="endTokens">All tokens that end a response.</param>
/// <param name="padToken">Fills the end of shorter prompts; its value influences nothing, and one outside the vocabulary is as good.</param>
/// <param name="tokenizer">Turns responses into text; without one there are no texts and no stop strings.</param>
public sealed class Generator(CausalLM model, IReadOnlyList<int> endTokens, int padToken, Tokenizer? tokenizer = null)
{
    /// <summary>
    /// Generates, for each prompt, a greedy response (if asked) and a number of samples: <paramref name="maxRows"/> responses at a time, of which each
    /// gives its place to the next as soon as it ends. Order is kept. Each row draws from a generator of its own, forked from
    /// <paramref name="random"/>, so that it does not depend on its neighbours. A response also ends where the model's context does.
    /// </summary>
    /// <param name="prompts">Token ids of the prompts.</param>
    /// <param name="options">How tokens are drawn, and where responses end.</param>
    /// <param name="greedy">Whether each prompt gets a greedy response.</param>
    /// <param name="samples">Sampled responses of each prompt.</param>
    /// <param name="random">The run's generator; advanced by one draw a sample.</param>
    /// <param name="maxRows">Most responses decoded at a time.</param>
    /// <param name="withLogProbs">Whether responses carry the log-probs of their tokens and, under a filter, the kept sets.</param>
    /// <param name="onToken">Hears of each token as it is drawn.</param>
    /// <param name="cancellationToken">Stops between tokens.</param>
    /// <exception cref="GramException">A prompt is empty, fills the model's context, or has a token that is not in its vocabulary.</exception>
    public IReadOnlyList<GeneratedGroup> Generate(
        IReadOnlyList<int[]> prompts, SamplingOptions options, bool greedy, int samples, RandomSource random,
        int maxRows = 64, bool withLogProbs = false, Action<GeneratedToken>? onToken = null, CancellationToken cancellationToken = default) =>
        Generate(prompts, options, greedy, samples, [.. prompts.Select(_ => random)], maxRows, withLogProbs, onToken, cancellationToken);

    /// <summary>The same with a generator for each prompt, so that a prompt's responses do not depend on which others are generated beside it.</summary>
    /// <param name="prompts">Token ids of the prompts.</param>
    /// <param name="options">How tokens are drawn, and where responses end.</param>
    /// <param name="greedy">Whether each prompt gets a greedy response.</param>
    /// <param name="samples">Sampled responses of each prompt.</param>
    /// <param name="randoms">The prompts' generators; advanced by one draw a sample.</param>
    /// <param name="maxRows">Most responses decoded at a time.</param>
    /// <param name="withLogProbs">Whether responses carry the log-probs of their tokens and, under a filter, the kept sets.</param>
    /// <param name="onToken">Hears of each token as it is drawn.</param>
    /// <param name="cancellationToken">Stops between tokens.</param>
    /// <exception cref="GramException">A prompt is empty, fills the model's context, or has a token that is not in its vocabulary.</exception>
    public IReadOnlyList<GeneratedGroup> Generate(
        IReadOnlyList<int[]> prompts, SamplingOptions options, bool greedy, int samples, IReadOnlyList<RandomSource> randoms,
        int maxRows = 64, bool withLogProbs = false, Action<GeneratedToken>? onToken = null, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(randoms.Count, prompts.Count);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxRows, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(samples, greedy ? 0 : 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxNewTokens, 1);
        if (options.Stop.Contains("")) throw new ArgumentException("a stop string is empty", nameof(options));
        if (options.Stop.Count > 0 && tokenizer is null) throw new ArgumentException("stop strings need a generator with a tokenizer", nameof(options));
        var (context, vocabulary) = (model.Config.MaxPositionEmbeddings, model.Config.VocabSize);
        for (var i = 0; i < prompts.Count; i++)
        {
            if (prompts[i].Length == 0) throw new GramException($"prompt {i + 1} is empty: it needs at least one token");
            if (prompts[i].Length >= context) throw new GramException($"prompt {i + 1} is longer than the context: {prompts[i].Length} tokens, where the model has room for {context} with the answer; shorten it");
            if (Array.Find(prompts[i], token => token < 0 || token >= vocabulary) is var strange and not 0)
                throw new GramException($"prompt {i + 1} has token {strange}, and the model's vocabulary {vocabulary}: the tokenizer is another model's, or has tokens that the model was never given");
        }
        if (prompts.Count == 0) return [];

        var readsText = tokenizer is not null && (options.Stop.Count > 0 || onToken is not null);
        // In the prompts' order, whatever the order of decoding: each sample's generator is its own.
        var responses = prompts.Select((_, prompt) => (Greedy: greedy ? Row(prompt, null) : null, Samples: Enumerable.Range(0, samples).Select(sample => Row(prompt, sample)).ToArray())).ToArray();
        DecodingRow[] longestFirst =
        [
            .. responses.OrderByDescending(response => (response.Greedy ?? response.Samples[0]).Prompt.Length)
                .SelectMany(response => (DecodingRow[])[.. response.Greedy is { } row ? [row] : Array.Empty<DecodingRow>(), .. response.Samples])
        ];
        using var noGrad = no_grad();
        using var sampler = model.Device.type == DeviceType.CPU ? new CpuSampler(options, withLogProbs) : (ITokenSampler)new TorchSampler(options, withLogProbs);
        using (var waiting = new WaitingLine(model, longestFirst, padToken >= 0 && padToken < vocabulary ? padToken : 0, cancellationToken))
            Decoder.Run(model, waiting, maxRows, sampler, endTokens, onToken, cancellationToken);
        return [.. responses.Select(response => new GeneratedGroup(response.Greedy is { } row ? Finish(row) : null, [.. response.Samples.Select(Finish)]))];

        DecodingRow Row(int prompt, int? sample) => new(
            new(prompt, sample),
            prompts[prompt],
            Math.Min(options.MaxNewTokens, context - prompts[prompt].Length),
            sample is null ? null : randoms[prompt].Fork(),
            remembers: options.RepetitionPenalty != 1,
            readsText ? new ResponseText(tokenizer!, options.Stop) : null);

        GeneratedSequence Finish(DecodingRow row) => row.Finish(withLogProbs, tokenizer);
    }
}
