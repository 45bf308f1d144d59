using Gram.Models;
using Gram.Models.Tokenization;
using Gram.Models.Transformer;
using static TorchSharp.torch;

namespace Gram.Reward.Judging;

/// <summary>GRAM in this process: two label rows, one position, both orders, shared prefixes computed once.</summary>
public sealed class GramJudge : IPairJudge, IDisposable
{
    private readonly CausalLM model;
    private readonly Tokenizer tokenizer;
    private readonly GramConfig config;
    private readonly JudgePrompt prompt;
    private readonly ChatTemplate template;
    private readonly int[] labelIds;
    private readonly PrefixScorer scorer;
    private readonly bool ownsModel;

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
    /// <exception cref="GramException">A file is missing or broken, the chat template is unknown, or a label is not one token.</exception>
    public static GramJudge Load(ModelLocation location, ScalarType dtype = ScalarType.Float32, Device? device = null, int batchTokens = 8192, bool quantize = false)
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
        return new(CausalLM.Load(location, dtype, device, quantize), tokenizer, config, batchTokens, ownsModel: true);
    }

    /// <summary>A judge over a model in memory (not owned).</summary>
    /// <exception cref="GramException">The chat template is unknown, or a label is not one token.</exception>
    public GramJudge(CausalLM model, Tokenizer tokenizer, GramConfig config, int batchTokens = 8192) : this(model, tokenizer, config, batchTokens, ownsModel: false) { }

    private GramJudge(CausalLM model, Tokenizer tokenizer, GramConfig config, int batchTokens, bool ownsModel)
    {
        (this.model, this.tokenizer, this.config, this.ownsModel) = (model, tokenizer, config, ownsModel);
        prompt = new(config);
        template = ChatTemplate.Resolve(config.Template, tokenizer);
        labelIds = JudgeLabels.Ids(tokenizer, config.Labels);
        scorer = new(model, labelIds[..2], batchTokens); // verdicts for the first and the second answer; further labels are training's
    }

    /// <summary>Prompt, labels and template.</summary>
    public GramConfig Config => config;
    /// <summary>Pairs judged by the model (equal answers need none).</summary>
    public long Pairs { get; private set; }
    /// <summary>Pairs whose answers had to be shortened to fit the context.</summary>
    public long Shortened { get; private set; }

    /// <summary>Ids of the judge prompt in one order, up to where the label is predicted.</summary>
    public int[] PromptIds(string question, string first, string second) =>
        template.Encode(tokenizer, [new("user", prompt.Render(question, first, second))], addGenerationPrompt: true, config.EnableThinking);

    /// <summary>Whether the pair can be judged at all: answers are shortened to fit, a question is not.</summary>
    public bool Fits(AnswerPair pair) => PromptIds(pair.Question, "", "").Length <= model.Config.MaxPositionEmbeddings;

    /// <inheritdoc/>
    /// <exception cref="GramException">A question leaves no room in the context.</exception>
    public ValueTask<IReadOnlyList<PairScore>> ScoreAsync(IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken = default)
    {
        var prompts = new List<JudgeInput>();
        var known = new Dictionary<(string, string, string), int>();
        var orders = new (int First, int Second)[pairs.Count];
        for (var i = 0; i < pairs.Count; i++)
        {
            if (pairs[i].AnswerA == pairs[i].AnswerB) continue;
            var ((question, a, b), ab, ba) = Fit(pairs[i]);
            orders[i] = (Add(question, a, b, ab), Add(question, b, a, ba));
            Pairs++;
        }
        var logits = scorer.Score(prompts, cancellationToken);
        IReadOnlyList<PairScore> scores = [.. pairs.Select((pair, i) => pair.AnswerA == pair.AnswerB
            ? PairScore.Tie
            // Order 1: answer A stands first, under the first label; order 2: second, under the second label.
            : new PairScore(FirstLabel(logits[orders[i].First]), 1 - FirstLabel(logits[orders[i].Second])))];
        return ValueTask.FromResult(scores);

        int Add(string question, string first, string second, int[] ids)
        {
            var key = (question, first, second);
            if (known.TryGetValue(key, out var index)) return index;
            prompts.Add(new(question, ids));
            return known[key] = prompts.Count - 1;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (ownsModel) model.Dispose();
    }

    /// <summary>Softmax over the two labels: P(first) = σ(z₁ − z₂), in float64.</summary>
    private static double FirstLabel((float First, float Second) logits) => 1 / (1 + Math.Exp((double)logits.Second - logits.First));

    /// <summary>The pair with answers that fit, and its prompts' ids in both orders.</summary>
    private (AnswerPair Pair, int[] Ab, int[] Ba) Fit(AnswerPair pair)
    {
        int[] ab = [], ba = [];
        var limit = model.Config.MaxPositionEmbeddings;
        var (a, b) = AnswerShortening.Fit(pair.AnswerA, pair.AnswerB, Tokens, limit)
            ?? throw new GramException($"a question is too long for the judge: it takes {PromptIds(pair.Question, "", "").Length} of {limit} tokens before any answer (\"{pair.Question[..Math.Min(40, pair.Question.Length)].ReplaceLineEndings(" ")}…\")");
        if (a.Length != pair.AnswerA.Length || b.Length != pair.AnswerB.Length)
        {
            Shortened++;
            Tokens(a, b); // what the search tried last may be longer
        }
        return (new(pair.Question, a, b), ab, ba);

        int Tokens(string first, string second)
        {
            (ab, ba) = (PromptIds(pair.Question, first, second), PromptIds(pair.Question, second, first));
            return Math.Max(ab.Length, ba.Length);
        }
    }
}
