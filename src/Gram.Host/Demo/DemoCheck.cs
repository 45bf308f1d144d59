using Gram.Models;
using Gram.Models.Generation;
using Gram.Models.Tokenization;
using Gram.Models.Transformer;
using Gram.Ppo;
using Gram.Reward.Judging;

namespace Gram.Host.Demo;

/// <summary>Measures the demo's models by the gold rule.</summary>
internal static class DemoCheck
{
    /// <summary>Share of pairs whose better reply the judge scores higher (ties are wrong), and its mean order disagreement.</summary>
    public static async Task<(Estimate Accuracy, double OrderDisagreement)> JudgeAsync(string directory, IEnumerable<LabelledPair> pairs, CancellationToken cancellationToken = default)
    {
        using var judge = GramJudge.Load(directory);
        var scores = await judge.ScoreAsync([.. pairs.Select(pair => new AnswerPair(pair.Message, pair.Chosen, pair.Rejected))], cancellationToken);
        return (Estimate.OfWins([.. scores.Select(score => score.ScoreA > 0.5 ? 1.0 : 0.0)]), scores.Average(score => score.OrderDisagreement));
    }

    /// <summary>Mean gold score of one sample for each message.</summary>
    public static Estimate Gold(string directory, IReadOnlyList<string> messages, RandomSource random, CancellationToken cancellationToken = default)
    {
        using var model = CausalLM.Load(directory);
        var tokenizer = Tokenizer.Load(directory);
        var template = ChatTemplate.ForCheckpoint(tokenizer);
        var prompts = messages.Select(message => template.Encode(tokenizer, [new("user", message)], addGenerationPrompt: true)).ToList();
        var groups = new Generator(model, model.Config.EosTokenIds, model.Config.PadTokenId!.Value)
            .Generate(prompts, new SamplingOptions { MaxNewTokens = 48 }, greedy: false, samples: 1, random, maxRows: 256, cancellationToken: cancellationToken);
        return Estimate.OfMean([.. groups.Select((group, i) => GoldRule.Score(messages[i], JudgeText.Clean(tokenizer.Decode(group.Samples[0].Tokens))))]);
    }
}
