using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Models.Tokenization;
using Gram.Reward.Judging;

namespace Gram.Host.Bench;

/// <summary>Judging: pairs a second, and for GRAM's own prompt beside the published script's way.</summary>
internal static class JudgeSpeed
{
    private const int Questions = 16, QuestionWords = 24, AnswerWords = 40;

    /// <summary>As PPO judges: for each question one sample against one reference, by the model's own prompt.</summary>
    /// <exception cref="GramException">The model cannot judge: no known template, or a label that is not one token.</exception>
    public static Measurement Measure(BenchSubject subject)
    {
        using var judge = new GramJudge(subject.Model, Tokenizer.Load(subject.Directory), GramConfig.Read(subject.Directory));
        return Measure(subject, judge, new JudgeTexts("ppo", [.. Enumerable.Repeat(QuestionWords, Questions / 2)], [.. Enumerable.Repeat(AnswerWords, Questions / 2)]).Pairs());
    }

    /// <summary>A set's pairs by GRAM's own prompt, then the same pairs by the published script's way.</summary>
    /// <exception cref="GramException">The model cannot judge, or the set's pairs are longer than its context.</exception>
    public static Measurement MeasureBeside(BenchSubject subject, JudgeTexts texts)
    {
        var (model, tokenizer) = (subject.Model, Tokenizer.Load(subject.Directory));
        using var judge = new GramJudge(model, tokenizer, GramConfig.Published);
        var (pairs, labels) = (texts.Pairs(), JudgeLabels.Ids(tokenizer, GramConfig.Published.Labels));
        CheckRoom(model.Config, judge, pairs);
        judge.ScoreAsync(pairs).AsTask().GetAwaiter().GetResult(); // the preamble, once
        var before = judge.Tokens;
        var scores = judge.ScoreAsync(pairs).AsTask().GetAwaiter().GetResult();
        var tokens = judge.Tokens - before;

        var measured = Measure(subject, judge, pairs);
        var (published, publishedTokens) = PublishedWay.Score(model, judge, labels, pairs);
        var seconds = subject.BestOf(() => PublishedWay.Score(model, judge, labels, pairs));
        var gap = scores.Zip(published, (score, other) => Math.Abs(score.ScoreA - other)).Max();
        return measured with { Published = new(pairs.Length / seconds, seconds / measured.Seconds, publishedTokens, tokens, gap) };
    }

    /// <summary>Refuses pairs that the model has no room for.</summary>
    /// <exception cref="GramException">One is longer than its context.</exception>
    public static void CheckRoom(ModelConfig config, GramJudge judge, AnswerPair[] pairs)
    {
        var longest = pairs.Max(pair => judge.PromptIds(pair.Question, pair.AnswerA, pair.AnswerB).Length);
        if (longest > config.MaxPositionEmbeddings) throw new GramException($"a pair takes {longest} tokens, and the model's context is {config.MaxPositionEmbeddings}");
    }

    private static Measurement Measure(BenchSubject subject, GramJudge judge, AnswerPair[] pairs) =>
        Of(subject, judge, pairs, subject.BestOf(() => judge.ScoreAsync(pairs).AsTask().GetAwaiter().GetResult()));

    /// <summary>Pairs a second; the floor is the arithmetic left once no common beginning of two prompts is computed twice.</summary>
    public static Measurement Of(BenchSubject subject, GramJudge judge, AnswerPair[] pairs, double seconds)
    {
        var work = Work(subject.Model.Config, [.. pairs.SelectMany(pair => new[] { judge.PromptIds(pair.Question, pair.AnswerA, pair.AnswerB), judge.PromptIds(pair.Question, pair.AnswerB, pair.AnswerA) })]);
        return new Measurement(pairs.Length, "pairs/s", seconds, floors => work / floors.Gemm(subject.Model.DType));
    }

    /// <summary>
    /// Operations of a forward over the prompts, each distinct prefix once, and not what all of them begin with, which is computed once a
    /// run; the two label rows of the head are nothing beside it.
    /// </summary>
    internal static double Work(ModelConfig config, int[][] prompts)
    {
        long tokens = 0;
        double attended = 0;
        int[][] ordered = [.. prompts.Order(Comparer<int[]>.Create((a, b) => a.AsSpan().SequenceCompareTo(b)))];
        // In lexicographic order a prompt shares most with the one before it, and the first and the last what all of them share.
        var (preamble, previous) = (ordered[0].AsSpan().CommonPrefixLength(ordered[^1]), ordered[^1]);
        foreach (var prompt in ordered)
        {
            var shared = Math.Max(preamble, prompt.AsSpan().CommonPrefixLength(previous));
            tokens += prompt.Length - shared;
            attended += ModelWork.Causal(1, prompt.Length) - ModelWork.Causal(1, shared);
            previous = prompt;
        }
        return new ModelWork(config).Forward(tokens, 0, attended);
    }
}
