using System.Text.Json.Serialization;
using Gram.Models.Transformer;
using Gram.Reward.Judging;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Host.Bench;

/// <summary>Beside a judging speed: that of the published evaluation script's way in the same run.</summary>
/// <param name="Value">Its speed, in the figure's unit.</param>
/// <param name="Ratio">The figure's speed ÷ this one.</param>
/// <param name="Tokens">Tokens that it computed; all of their logits, too.</param>
/// <param name="TokensHere">Tokens that the judge computed.</param>
/// <param name="ScoreGap">Largest difference between the two ways' scores.</param>
public sealed record PublishedFigure(
    [property: JsonPropertyName("value")] double Value,
    [property: JsonPropertyName("ratio")] double Ratio,
    [property: JsonPropertyName("tokens")] long Tokens,
    [property: JsonPropertyName("tokens_here")] long TokensHere,
    [property: JsonPropertyName("score_gap")] double ScoreGap);

/// <summary>GRAM's evaluation script, as published: two full prompts a pair in one padded batch, logits of all words at all places, softmax over the labels'.</summary>
internal static class PublishedWay
{
    /// <summary>The score of each pair's first answer, and the tokens computed, padding included.</summary>
    public static (double[] Scores, long Tokens) Score(CausalLM model, GramJudge judge, IReadOnlyList<int> labels, IReadOnlyList<AnswerPair> pairs)
    {
        using var noGrad = no_grad();
        var tokens = 0L;
        return ([.. pairs.Select(ScoreOf)], tokens);

        double ScoreOf(AnswerPair pair)
        {
            using var scope = NewDisposeScope();
            int[][] prompts = [judge.PromptIds(pair.Question, pair.AnswerA, pair.AnswerB), judge.PromptIds(pair.Question, pair.AnswerB, pair.AnswerA)];
            var width = prompts.Max(prompt => prompt.Length);
            tokens += 2L * width;
            var ids = tensor(prompts.SelectMany(prompt => prompt.Concat(Enumerable.Repeat(0, width - prompt.Length))).Select(id => (long)id).ToArray(), [2, width], device: model.Device);
            var logits = model.Logits(model.Hidden(ids)); // [2, width, vocab]
            var chosen = prompts.Select((prompt, order) =>
            {
                var last = logits[order, prompt.Length - 1].index_select(0, tensor(labels.Select(id => (long)id).ToArray(), device: model.Device)).to(ScalarType.Float64).softmax(0);
                return last[order].item<double>();
            });
            return chosen.Sum() / 2;
        }
    }
}
