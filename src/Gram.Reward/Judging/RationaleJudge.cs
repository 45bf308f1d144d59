using Gram.Models;
using Gram.Models.Generation;
using Gram.Models.Tokenization;
using Gram.Models.Transformer;

namespace Gram.Reward.Judging;

/// <summary>
/// A judge that reasons first, as GRAM-R² (arXiv 2509.02492): in each order it writes k rationales, reads its label's probability after
/// each, and lets them vote (<see cref="Rationale.FirstShare"/>).
/// </summary>
public sealed class RationaleJudge : IPairJudge
{
    /// <summary>Rationales written at a time.</summary>
    private const int Rows = 64;

    private readonly GramJudge judge;
    private readonly RationaleOptions options;
    private readonly JudgePrompt prompt;
    private readonly Generator generator;
    private readonly SamplingOptions sampling;
    private readonly int[] cue;
    private readonly int room;

    /// <summary>A reasoning judge over a loaded one, which stays in its owner's hands.</summary>
    /// <exception cref="GramException">The prompt lacks a slot, or rationales leave no room for it in the context.</exception>
    public RationaleJudge(GramJudge judge, RationaleOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Votes, 1);
        (this.judge, this.options) = (judge, options);
        Config = judge.Config with { Prompt = options.Prompt };
        prompt = new(Config);
        var (model, tokenizer) = (judge.Model, judge.Tokenizer);
        var endTokens = model.Config.EosTokenIds;
        generator = new(model, endTokens, tokenizer.PadTokenId ?? (endTokens is [var end, ..] ? end : 0), tokenizer);
        sampling = new() { MaxNewTokens = options.MaxNewTokens, Temperature = options.Temperature, Stop = options.Ends };
        cue = tokenizer.Encode(options.Cue);
        room = model.Config.MaxPositionEmbeddings - options.MaxNewTokens - cue.Length;
        var least = PromptIds("", "", "").Length;
        if (room < least) throw new GramException($"rationales of {options.MaxNewTokens} tokens leave {Math.Max(0, room)} of the context's {model.Config.MaxPositionEmbeddings} tokens for the judge prompt, which takes {least} before any text: allow shorter ones (rationale_max_new_tokens)");
    }

    /// <summary>Its prompt, and the labels and template of the judge that it reasons over.</summary>
    public GramConfig Config { get; }

    /// <summary>Rationales written so far.</summary>
    public long Rationales { get; private set; }

    /// <summary>Whether the pair can be judged at all: answers are shortened to fit, a question is not.</summary>
    public bool Fits(AnswerPair pair) => PromptIds(pair.Question, "", "").Length <= room;

    /// <inheritdoc/>
    /// <exception cref="GramException">A question leaves no room in the context.</exception>
    public async ValueTask<IReadOnlyList<PairScore>> ScoreAsync(IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken = default) =>
        [.. (await JudgeAsync(pairs, cancellationToken)).Select(reasoned => reasoned.Score)];

    /// <summary>Scores with their rationales, in the pairs' order. Equal answers get a tie without any.</summary>
    /// <exception cref="GramException">A question leaves no room in the context.</exception>
    public async ValueTask<IReadOnlyList<ReasonedScore>> JudgeAsync(IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken = default)
    {
        AnswerPair[] asked = [.. pairs.Where(pair => pair.AnswerA != pair.AnswerB).Distinct()];
        var orders = asked.SelectMany(pair => { var (_, ab, ba) = judge.Fit(pair, PromptIds, room); return (int[][])[ab, ba]; }).ToArray();
        var votes = await judge.InTurnAsync(() => Vote(orders, [.. asked.Select(RandomOf).SelectMany(random => (RandomSource[])[random, random])], cancellationToken), cancellationToken);
        var known = asked.Select((pair, i) =>
        {
            var (ab, ba) = (votes[2 * i], votes[(2 * i) + 1]);
            return (pair, new ReasonedScore(new(Rationale.FirstShare(ab), 1 - Rationale.FirstShare(ba)), ab, ba));
        }).ToDictionary();
        return [.. pairs.Select(pair => known.GetValueOrDefault(pair) ?? new ReasonedScore(PairScore.Tie, [], []))];
    }

    private Rationale[][] Vote(int[][] orders, RandomSource[] randoms, CancellationToken cancellationToken)
    {
        var groups = generator.Generate(orders, sampling, greedy: false, options.Votes, randoms, Rows, cancellationToken: cancellationToken);
        string[][] texts = [.. groups.Select(group => group.Samples.Select(sample => sample.Text!.Trim()).ToArray())];
        int[][] verdicts = [.. orders.SelectMany((ids, order) => texts[order].Select(text => Verdict(ids, text)))];
        var logits = judge.Logits(verdicts, cancellationToken);
        Rationales += verdicts.Length;
        return [.. texts.Select((votes, order) => votes.Select((text, vote) => new Rationale(text, GramJudge.FirstLabel(logits[(order * options.Votes) + vote]))).ToArray())];
    }

    /// <summary>Prompt, rationale and cue: what the label follows. Text that takes more tokens than it was drawn in is cut.</summary>
    private int[] Verdict(int[] ids, string text) => [.. ids, .. judge.Tokenizer.Encode(text).Take(judge.Model.Config.MaxPositionEmbeddings - ids.Length - cue.Length), .. cue];

    private int[] PromptIds(string question, string first, string second) =>
        judge.Template.Encode(judge.Tokenizer, [new("user", prompt.Render(question, first, second))], addGenerationPrompt: true, enableThinking: true);

    /// <summary>A generator of the pair's own, so that its draws depend on no other pair and no earlier call: FNV-1a of seed and texts.</summary>
    private RandomSource RandomOf(AnswerPair pair)
    {
        var hash = 14695981039346656037 ^ options.Seed;
        foreach (var text in (string[])[pair.Question, pair.AnswerA, pair.AnswerB])
            foreach (var unit in text.Append('\0')) hash = unchecked((hash ^ unit) * 1099511628211);
        return new RandomSource(hash);
    }
}
