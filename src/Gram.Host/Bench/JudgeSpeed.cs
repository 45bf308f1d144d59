using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Models.Tokenization;
using Gram.Reward.Judging;

namespace Gram.Host.Bench;

/// <summary>Judging as PPO does it: for each question one sample against one reference, both orders.</summary>
internal static class JudgeSpeed
{
    private const int Questions = 16, QuestionWords = 24, AnswerWords = 40;

    private static readonly string[] Words = ["the", "answer", "is", "that", "a", "small", "model", "can", "learn", "to", "write", "and", "people", "read", "what", "it", "says", "in", "every", "city", "on", "time", "with", "care"];

    /// <summary>Pairs a second; the floor is the arithmetic left once no common beginning of two prompts is computed twice.</summary>
    /// <exception cref="GramException">The model cannot judge: no known template, or a label that is not one token.</exception>
    public static Measurement Measure(BenchSubject subject)
    {
        var model = subject.Model;
        var judge = new GramJudge(model, Tokenizer.Load(subject.Directory), GramConfig.Read(subject.Directory));
        var random = new RandomSource(11);
        AnswerPair[] pairs = [.. Enumerable.Range(0, Questions).Select(_ => new AnswerPair(Text(QuestionWords), Text(AnswerWords), Text(AnswerWords)))];
        var seconds = subject.BestOf(() => judge.ScoreAsync(pairs).AsTask().GetAwaiter().GetResult());
        var work = Work(model.Config, [.. pairs.SelectMany(pair => new[] { judge.PromptIds(pair.Question, pair.AnswerA, pair.AnswerB), judge.PromptIds(pair.Question, pair.AnswerB, pair.AnswerA) })]);
        return new Measurement(pairs.Length, "pairs/s", seconds, floors => work / floors.Gemm(model.DType));

        string Text(int words) => string.Join(' ', Enumerable.Range(0, words).Select(_ => Words[random.Next(Words.Length)]));
    }

    /// <summary>Operations of a forward over the prompts, each distinct prefix once; the two label rows of the head are nothing beside it.</summary>
    internal static double Work(ModelConfig config, int[][] prompts)
    {
        long tokens = 0;
        double attended = 0;
        int[] previous = [];
        // In lexicographic order a prompt shares most with the one before it.
        foreach (var prompt in prompts.Order(Comparer<int[]>.Create((a, b) => a.AsSpan().SequenceCompareTo(b))))
        {
            var shared = prompt.AsSpan().CommonPrefixLength(previous);
            tokens += prompt.Length - shared;
            attended += ModelWork.Causal(1, prompt.Length) - ModelWork.Causal(1, shared);
            previous = prompt;
        }
        return new ModelWork(config).Forward(tokens, 0, attended);
    }
}
