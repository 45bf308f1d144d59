using System.Text.Json.Nodes;
using Gram.Models.Tokenization;
using Gram.Reward.Data;
using Gram.Reward.Encoding;
using Gram.Reward.Training;
using Gram.Training.Batches;
using static Gram.Reward.Tests.Encoding.LlamaFactoryGoldens;
using static TorchSharp.torch;

namespace Gram.Reward.Tests.Encoding;

/// <summary>What the fork makes of encoded rows: batches, packed rows, pairs.</summary>
[Trait("Category", Goldens.Category)]
public sealed class LlamaFactoryBatchTests
{
    [SkippableFact]
    public void PackedRows_OfEveryCase_HoldTheForksExamples()
    {
        foreach (var item in Goldens.Json("rl", "llamafactory", "packing.json")["cases"]!.AsArray())
        {
            var cutoff = item!["cutoff_len"]!.GetValue<int>();
            var options = new GramTrainingOptions { Packing = true, CutoffLen = cutoff };
            options.MostTokens.Should().Be(item["cutoff_len_after_init"]!.GetValue<int>());
            var examples = Examples(item, options.MostTokens);

            var packed = GreedyKnapsack.Pack([.. examples.Select(example => example.Ids.Length)], options.MostTokens);

            packed.Should().HaveCount(item["rows"]!.AsArray().Count);
            foreach (var (row, expected) in packed.Zip(item["rows"]!.AsArray()))
            {
                // The fork fills a row up to cutoff_len, and lets padding attend; here a row ends with its last example.
                TrainingExample[] held = [.. row.Select(index => examples[index])];
                using var batch = TrainingBatch.OfTokens([held], CPU);
                var real = held.Sum(example => example.Ids.Length);
                batch.Tokens.data<long>().ToArray().Should().Equal(Ints(expected!["ids"]!).Take(real).Select(id => (long)id));
                // Trained tokens are those with labels, whichever example they are of.
                batch.Predicting.data<long>().ToArray().Should().Equal(Ranges(expected["trained"]!).SelectMany(range => Enumerable.Range(range.Item1, range.Item2 - range.Item1)).Select(position => position - 1L));
                // Positions restart in both packings. Boundaries are those of neat_packing, whose mask numbers the examples; plain packing,
                // which numbers none and lets examples see each other, is not followed: the loss would not be the unpacked batch's.
                var lengths = held.Select(example => example.Ids.Length).ToArray();
                Ints(expected["position_ids"]!).Take(real).Should().Equal(lengths.SelectMany(length => Enumerable.Range(0, length)));
                if (Flag(item["settings"]!, "neat_packing")) Ints(expected["attention_mask"]!).Take(real).Should().Equal(lengths.SelectMany((length, i) => Enumerable.Repeat(i + 1, length)));
            }
        }
    }

    [SkippableFact]
    public void Batch_OfTheCollatorsRows_HasItsTokensAndLabels()
    {
        foreach (var item in Goldens.Json("rl", "llamafactory", "batch.json")["cases"]!.AsArray())
        {
            var (first, end) = (item!["rows_not_dropped"]![0]!.GetValue<int>(), item["rows_not_dropped"]![1]!.GetValue<int>());
            var examples = Examples(item, 2048)[first..end];

            using var batch = TrainingBatch.OfTokens([.. examples.Select(example => (TrainingExample[])[example])], CPU);

            // The fork pads with the pad token, to a multiple of eight. Here causality hides padding, whatever it holds, so it ends with the longest row.
            var width = (int)batch.Tokens.size(1);
            Ints(item["attention_mask"]![0]!).Length.Should().BeInRange(width, width + 7);
            var (labels, predicted) = (new List<long>(), new List<long>());
            for (var row = 0; row < examples.Count; row++)
            {
                var real = Ints(item["attention_mask"]![row]!).Sum();
                batch.Tokens[row, ..real].data<long>().ToArray().Should().Equal(Ints(item["input_ids"]![row]!).Take(real).Select(id => (long)id));
                foreach (var (label, position) in Ints(item["labels"]![row]!).Select((label, position) => (label, position)).Where(at => at.label != -100))
                {
                    labels.Add(label);
                    predicted.Add((row * width) + position - 1);
                }
            }
            batch.Targets.data<long>().ToArray().Should().Equal(labels);
            batch.Predicting.data<long>().ToArray().Should().Equal(predicted);
        }
    }

    /// <summary>
    /// The fork has a stage of its own for ranking sets, and refuses them in stage sft. Here both GRAM stages take them and convert them
    /// (gram.md §4), so that its pairs are compared piece by piece: a prompt and either answer, cut together.
    /// </summary>
    [SkippableFact]
    public void Pairs_OfEveryCase_AreThePromptAndEitherAnswer()
    {
        var compared = 0;
        var datasets = Goldens.Json("rl", "llamafactory", "datasets.json");
        foreach (var item in Goldens.Json("rl", "llamafactory", "pairwise.json")["cases"]!.AsArray())
        {
            var tokenizer = TokenizerOf(item!);
            var template = TrainingTemplate.For(item!["template"]!.GetValue<string>(), tokenizer);
            var encoder = new ConversationEncoder(template, tokenizer, item["enable_thinking"]?.GetValue<bool>());
            var cutoff = item["cutoff_len"]!.GetValue<int>();
            var rows = Rows(datasets, item["set"]!.GetValue<string>()).Where(row => row.Responses.Count == 2).ToList();
            rows.Should().HaveCountGreaterThanOrEqualTo(item["rows"]!.AsArray().Count(row => row is not null));
            foreach (var (row, expected) in rows.Zip(item["rows"]!.AsArray().Where(row => row is not null)))
            {
                // In the fork's pairs the turns before the last lose the think block that supervised rows have in each.
                if (template.IsReasoning && row.Messages.Count > 1) continue;
                var (chosen, rejected) = (Encode(row.Responses[0]), Encode(row.Responses[1]));
                var (source, target) = SupervisedExample.Share(chosen.Source.Length, Math.Max(chosen.Target.Length, rejected.Target.Length), cutoff);
                foreach (var (name, answer) in new[] { ("chosen", chosen), ("rejected", rejected) })
                {
                    answer.Source.Take(source).Concat(answer.Target.Take(target)).Should().Equal(Ints(expected![$"{name}_ids"]!), $"{name} of {item["set"]}, {item["tokenizer"]}, cutoff {cutoff}");
                    Ranges(expected[$"{name}_trained"]!).Should().Equal((source, source + Math.Min(target, answer.Target.Length)));
                }
                compared++;

                (int[] Source, int[] Target) Encode(string response)
                {
                    var turns = encoder.Turns([.. row.Messages, new("assistant", response)], row.System);
                    return ([.. turns.SkipLast(1).SelectMany(turn => turn.Source.Concat(turn.Target)), .. turns[^1].Source], turns[^1].Target);
                }
            }
        }
        compared.Should().BePositive();
    }

    private static List<TrainingExample> Examples(JsonNode item, int cutoff)
    {
        var tokenizer = TokenizerOf(item);
        var encoder = new ConversationEncoder(TrainingTemplate.For(item["template"]!.GetValue<string>(), tokenizer), tokenizer, item["enable_thinking"]?.GetValue<bool>());
        return [.. Rows(Goldens.Json("rl", "llamafactory", "datasets.json"), item["set"]!.GetValue<string>()).Select(row => Encode(encoder, row, cutoff, false, false)).OfType<TrainingExample>()];
    }
}
