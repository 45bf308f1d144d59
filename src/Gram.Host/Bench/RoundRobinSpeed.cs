using System.Text.Json.Serialization;
using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Models.Tokenization;
using Gram.Reward.Judging;

namespace Gram.Host.Bench;

/// <summary>Beside a round robin's speed: that of judging each of its pairs alone, in the same run.</summary>
/// <param name="Value">Pairs a second, one at a time, each by a judge that knows nothing of any other pair: what its two orders share, it computes once.</param>
/// <param name="Cost">Time of a pair of the round robin ÷ time of a pair alone.</param>
/// <param name="Tokens">Tokens that the pairs took alone, padding included.</param>
/// <param name="TokensHere">Tokens that the round robin took.</param>
/// <param name="WarmCost">The same cost where both ways' judge has computed before what all pairs begin with.</param>
public sealed record AloneFigure(
    [property: JsonPropertyName("value")] double Value,
    [property: JsonPropertyName("cost")] double Cost,
    [property: JsonPropertyName("tokens")] long Tokens,
    [property: JsonPropertyName("tokens_here")] long TokensHere,
    [property: JsonPropertyName("warm_cost")] double WarmCost);

/// <summary>A round robin over answers to one question, by GRAM's own prompt, beside judging each of its pairs alone.</summary>
internal static class RoundRobinSpeed
{
    /// <summary>Pairs a second.</summary>
    /// <exception cref="GramException">The model cannot judge: no known template, or a label that is not one token.</exception>
    public static Measurement Measure(BenchSubject subject, JudgeTexts texts)
    {
        var (tokenizer, pairs) = (Tokenizer.Load(subject.Directory), texts.Pairs());
        using var warm = Judge();
        JudgeSpeed.CheckRoom(subject.Model.Config, warm, pairs);
        var tokensHere = Cold(pairs).Tokens;
        var tokens = pairs.Sum(pair => Cold(pair).Tokens);
        var (alone, together) = InTurns(subject, () => pairs.Sum(pair => Cold(pair).Seconds), () => Cold(pairs).Seconds);
        var (warmAlone, warmTogether) = InTurns(subject, () => pairs.Sum(pair => Warm(pair)), () => Warm(pairs));
        return JudgeSpeed.Of(subject, warm, pairs, together) with { Alone = new(pairs.Length / alone, together / alone, tokens, tokensHere, warmTogether / warmAlone) };

        GramJudge Judge() => new(subject.Model, tokenizer, GramConfig.Published);

        // A judge of its own, which has computed nothing yet.
        (double Seconds, long Tokens) Cold(params AnswerPair[] asked)
        {
            using var judge = Judge();
            return (Seconds(judge, asked), judge.Tokens);
        }

        double Warm(params AnswerPair[] asked) => Seconds(warm, asked);

        double Seconds(GramJudge judge, AnswerPair[] asked) => BenchSubject.Seconds(subject.Model.Device, () => judge.ScoreAsync(asked).AsTask().GetAwaiter().GetResult());
    }

    /// <summary>The fastest runs of two ways that take turns, so that what else the machine does falls on both.</summary>
    private static (double First, double Second) InTurns(BenchSubject subject, Func<double> first, Func<double> second)
    {
        var (bestFirst, bestSecond) = (double.MaxValue, double.MaxValue);
        subject.Best(() =>
        {
            var (a, b) = (first(), second());
            (bestFirst, bestSecond) = (Math.Min(bestFirst, a), Math.Min(bestSecond, b));
            return a + b;
        });
        return (bestFirst, bestSecond);
    }
}
