using Gram.Models;
using Gram.Models.Tokenization;
using Gram.Models.Transformer;
using Gram.Models.Transformer.Lora;
using static TorchSharp.torch;

namespace Gram.Reward.Judging;

/// <summary>
/// GRAM in this process: two label rows, one position, both orders, shared prefixes computed once, the preamble of all pairs once in the
/// judge's life. Calls from several threads take turns; <see cref="BatchingJudge"/> judges what they ask together.
/// </summary>
public sealed class GramJudge : IPairJudge, IDisposable
{
    /// <summary>Texts of which a token at the end of the preamble could take the beginning: a letter, a digit, blanks, signs, other scripts.</summary>
    private static readonly string[] PreambleProbes = ["a", "A", "1", " a", "\n", ".", "(", "é", "中"];

    private readonly CausalLM model;
    private readonly Tokenizer tokenizer;
    private readonly GramConfig config;
    private readonly JudgePrompt prompt;
    private readonly ChatTemplate template;
    private readonly int[] labelIds;
    private readonly PrefixScorer scorer;
    private readonly bool ownsModel;
    private readonly int batchTokens;
    private readonly SemaphoreSlim turn = new(1, 1);
    private long pairsJudged, pairsShortened;

    /// <summary>Loads a GRAM checkpoint. Labels of more than one token are an error that names label and ids.</summary>
    /// <exception cref="GramException">A file is missing or broken, the chat template is unknown, or a label is not one token.</exception>
    public static GramJudge Load(string directory, ScalarType dtype = ScalarType.Float32, Device? device = null, int batchTokens = 8192) =>
        Load(ModelLocation.Of(directory), dtype, device, batchTokens);

    /// <summary>Loads a GRAM checkpoint with its adapter, whose own tokenizer and gram_config.json come before the base's.</summary>
    /// <param name="location">Where it lies.</param>
    /// <param name="dtype">Dtype that it computes in.</param>
    /// <param name="device">Where it runs; default the CPU.</param>
    /// <param name="batchTokens">Most tokens of a forward.</param>
    /// <param name="quantize">Whether its blocks' linears become int8; the label rows of its head stay as they are.</param>
    /// <param name="prefixCacheBytes">Memory for what the prompts of one call begin with (questions, first answers), so that later calls about them need not compute it again; 0 = none.</param>
    /// <param name="shared">The base of its adapter in memory, which others use too (not owned); null: loaded.</param>
    /// <exception cref="GramException">A file is missing or broken, the chat template is unknown, or a label is not one token.</exception>
    public static GramJudge Load(ModelLocation location, ScalarType dtype = ScalarType.Float32, Device? device = null, int batchTokens = 8192, bool quantize = false, long prefixCacheBytes = 0, CausalLM? shared = null)
    {
        var config = GramConfig.Read(location.FolderOf(GramConfig.FileName));
        var tokenizer = Tokenizer.Load(location.FolderOf(Tokenizer.FileName));
        try
        {
            // Before the weights: a judge that cannot judge fails at once.
            JudgeLabels.Ids(tokenizer, config.Labels);
            ChatTemplate.Resolve(config.Template, tokenizer);
        }
        catch (GramException error)
        {
            throw new GramException($"judge {location.Adapter ?? location.Directory}: {error.Message}", error);
        }
        var model = shared is not null && location.Adapter is { } adapter ? shared.WithAdapter(LoraAdapter.Load(adapter, shared)) : CausalLM.Load(location, dtype, device, quantize);
        return new(model, tokenizer, config, batchTokens, ownsModel: true, prefixCacheBytes);
    }

    /// <summary>A judge over a model in memory (not owned), which must not change in the judge's life: what it made of the preamble is kept.</summary>
    /// <exception cref="GramException">The chat template is unknown, or a label is not one token.</exception>
    public GramJudge(CausalLM model, Tokenizer tokenizer, GramConfig config, int batchTokens = 8192, long prefixCacheBytes = 0) : this(model, tokenizer, config, batchTokens, ownsModel: false, prefixCacheBytes) { }

    private GramJudge(CausalLM model, Tokenizer tokenizer, GramConfig config, int batchTokens, bool ownsModel, long prefixCacheBytes)
    {
        (this.model, this.tokenizer, this.config, this.batchTokens, this.ownsModel) = (model, tokenizer, config, batchTokens, ownsModel);
        prompt = new(config);
        template = ChatTemplate.Resolve(config.Template, tokenizer);
        labelIds = JudgeLabels.Ids(tokenizer, config.Labels);
        scorer = new(model, labelIds[..2], batchTokens, Preamble(), prefixCacheBytes); // verdicts for the first and the second answer; further labels are training's
    }

    /// <summary>Prompt, labels and template.</summary>
    public GramConfig Config => config;
    /// <summary>Pairs judged by the model (equal answers need none).</summary>
    public long Pairs => Volatile.Read(ref pairsJudged);
    /// <summary>Pairs whose answers had to be shortened to fit the context.</summary>
    public long Shortened => Volatile.Read(ref pairsShortened);
    /// <summary>What it takes in memory: weights, and the keys and values of its largest batch.</summary>
    public long Bytes => model.Weights.Values.Sum(weight => weight.numel() * weight.element_size()) + (2L * model.Config.NumHiddenLayers * model.Config.NumKeyValueHeads * model.Config.HeadDim * batchTokens * (model.DType == ScalarType.Float32 ? 4 : 2));
    /// <summary>Tokens that ran through the model to score prompts, padding included.</summary>
    public long Tokens => scorer.Tokens;

    /// <summary>Tokens of prompts that earlier calls had computed.</summary>
    public long ReusedTokens => scorer.ReusedTokens;

    internal CausalLM Model => model;
    internal Tokenizer Tokenizer => tokenizer;
    internal ChatTemplate Template => template;

    /// <summary>Ids of the judge prompt in one order, up to where the label is predicted.</summary>
    public int[] PromptIds(string question, string first, string second) =>
        template.Encode(tokenizer, [new("user", prompt.Render(question, first, second))], addGenerationPrompt: true, config.EnableThinking);

    /// <summary>Whether the pair can be judged at all: answers are shortened to fit, a question is not.</summary>
    public bool Fits(AnswerPair pair) => PromptIds(pair.Question, "", "").Length <= model.Config.MaxPositionEmbeddings;

    /// <summary>What a pair costs alone, once the preamble is there: the tokens of its question, and twice those of its answers.</summary>
    public long TokensOf(AnswerPair pair) => tokenizer.Encode(pair.Question).Length + (2L * (tokenizer.Encode(pair.AnswerA).Length + tokenizer.Encode(pair.AnswerB).Length));

    /// <inheritdoc/>
    /// <exception cref="GramException">A question leaves no room in the context.</exception>
    public async ValueTask<IReadOnlyList<PairScore>> ScoreAsync(IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken = default)
    {
        var prompts = new List<int[]>();
        var known = new Dictionary<(string, string, string), int>();
        var orders = new (int First, int Second)[pairs.Count];
        for (var i = 0; i < pairs.Count; i++)
        {
            if (pairs[i].AnswerA == pairs[i].AnswerB) continue;
            var ((question, a, b), ab, ba) = Fit(pairs[i], PromptIds, model.Config.MaxPositionEmbeddings);
            orders[i] = (Add(question, a, b, ab), Add(question, b, a, ba));
            Interlocked.Increment(ref pairsJudged);
        }
        var logits = await InTurnAsync(() => scorer.Score(prompts, cancellationToken), cancellationToken);
        return [.. pairs.Select((pair, i) => pair.AnswerA == pair.AnswerB
            ? PairScore.Tie
            // Order 1: answer A stands first, under the first label; order 2: second, under the second label.
            : new PairScore(FirstLabel(logits[orders[i].First]), 1 - FirstLabel(logits[orders[i].Second])))];

        int Add(string question, string first, string second, int[] ids)
        {
            var key = (question, first, second);
            if (known.TryGetValue(key, out var index)) return index;
            prompts.Add(ids);
            return known[key] = prompts.Count - 1;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        scorer.Dispose();
        turn.Dispose();
        if (ownsModel) model.Dispose();
    }

    /// <summary>Runs what uses the model while nobody else does.</summary>
    internal async ValueTask<T> InTurnAsync<T>(Func<T> work, CancellationToken cancellationToken)
    {
        await turn.WaitAsync(cancellationToken);
        try
        {
            return work();
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>The labels' logits after prompts of any kind; for a caller whose turn it is.</summary>
    internal (float First, float Second)[] Logits(IReadOnlyList<int[]> prompts, CancellationToken cancellationToken) => scorer.Score(prompts, cancellationToken);

    /// <summary>Softmax over the two labels: P(first) = σ(z₁ − z₂), in float64.</summary>
    internal static double FirstLabel((float First, float Second) logits) => 1 / (1 + Math.Exp((double)logits.Second - logits.First));

    /// <summary>The tokens that all prompts begin with, whatever text follows: a token may reach over the end of the prompt's own text.</summary>
    private int[] Preamble()
    {
        var prompts = PreambleProbes.Select(text => PromptIds(text, text, text)).ToArray();
        var shared = prompts[0].AsSpan();
        foreach (var other in prompts) shared = shared[..shared.CommonPrefixLength(other)];
        return shared.ToArray();
    }

    /// <summary>The pair with answers that fit, and its prompts' ids in both orders.</summary>
    /// <exception cref="GramException">Not even empty answers fit.</exception>
    internal (AnswerPair Pair, int[] Ab, int[] Ba) Fit(AnswerPair pair, Func<string, string, string, int[]> promptIds, int limit)
    {
        int[] ab = [], ba = [];
        var (a, b) = AnswerShortening.Fit(pair.AnswerA, pair.AnswerB, Tokens, limit)
            ?? throw new GramException($"a question is too long for the judge: it takes {promptIds(pair.Question, "", "").Length} of {limit} tokens before any answer (\"{pair.Question[..Math.Min(40, pair.Question.Length)].ReplaceLineEndings(" ")}…\")");
        if (a.Length != pair.AnswerA.Length || b.Length != pair.AnswerB.Length)
        {
            Interlocked.Increment(ref pairsShortened);
            Tokens(a, b); // what the search tried last may be longer
        }
        return (new(pair.Question, a, b), ab, ba);

        int Tokens(string first, string second)
        {
            (ab, ba) = (promptIds(pair.Question, first, second), promptIds(pair.Question, second, first));
            return Math.Max(ab.Length, ba.Length);
        }
    }
}
