using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Models.Tokenization;
using Gram.Reward.Data;
using Gram.Reward.Encoding;
using static Gram.Reward.Tests.Encoding.LlamaFactoryGoldens;

namespace Gram.Reward.Tests.Encoding;

[Trait("Category", Goldens.Category)]
public sealed class LlamaFactoryTests
{
    /// <summary>Files of encoded/: TOKENIZER.TEMPLATE.thinking-X.</summary>
    public static IEnumerable<object[]> Files()
    {
        var path = Path.Combine(Goldens.Root, "rl", "llamafactory", "encoded");
        return Directory.Exists(path) ? Directory.GetFiles(path, "*.json").Order(StringComparer.Ordinal).Select(file => new object[] { Path.GetFileName(file) }) : [[""]];
    }

    [SkippableTheory]
    [MemberData(nameof(Files))]
    public void Turns_RowsOfEverySet_GiveTheForksIdsAndTrainedRanges(string file)
    {
        var golden = Goldens.Json("rl", "llamafactory", "encoded", file);
        var tokenizer = TokenizerOf(golden);
        var name = golden["template"]?.GetValue<string>(); // null = derived from the tokenizer's own chat template
        if (golden["after_fix"]!["tokens_added"]!.GetValue<int>() > 0)
        {
            // The fork adds ids beyond the embedding; here that is an error.
            FluentActions.Invoking(() => TrainingTemplate.For(name, tokenizer)).Should().Throw<GramException>().WithMessage($"*{name}*<|*|>*vocabulary lacks*");
            return;
        }
        var template = TrainingTemplate.For(name, tokenizer);
        var datasets = Goldens.Json("rl", "llamafactory", "datasets.json");
        var compared = 0;
        foreach (var set in golden["sets"]!.AsArray())
        {
            var settings = set!["settings"]!;
            var encoder = new ConversationEncoder(template, tokenizer, golden["enable_thinking"]?.GetValue<bool>(), settings["default_system"]?.GetValue<string>());
            var rows = Rows(datasets, set["set"]!.GetValue<string>());
            foreach (var (row, expected) in rows.Zip(set["rows"]!.AsArray()))
            {
                if (Encode(encoder, row, 2048, Flag(settings, "mask_history"), Flag(settings, "train_on_prompt")) is not { } example)
                {
                    expected.Should().BeNull();
                    continue;
                }
                if (IsReadDifferently(row, tokenizer)) continue;
                example.Ids.Should().Equal(Ints(expected!["ids"]!), $"{set["set"]} {settings.ToJsonString()}");
                example.Trained.Should().Equal(Ranges(expected["trained"]!));
                compared++;
            }
        }
        compared.Should().BePositive();
    }

    [SkippableFact]
    public void Share_TableOfInferSeqlen_IsTheForks()
    {
        var table = Goldens.Json("rl", "llamafactory", "truncation.json")["infer_seqlen"]!;
        table["columns"]!.AsArray().Select(column => column!.GetValue<string>()).Should().Equal("source", "target", "cutoff", "new_source", "new_target");
        foreach (var row in table["rows"]!.AsArray().Select(row => Ints(row!)))
            SupervisedExample.Share(row[0], row[1], row[2]).Should().Be((row[3], row[4]), "source {0}, target {1}, cutoff {2}", row[0], row[1], row[2]);
    }

    [SkippableFact]
    public void Of_WholeExamplesAtSeveralCutoffs_AreCutAsTheForkCutsThem()
    {
        var datasets = Goldens.Json("rl", "llamafactory", "datasets.json");
        foreach (var group in Goldens.Json("rl", "llamafactory", "truncation.json")["cases"]!.AsArray().GroupBy(item => (item!["tokenizer"]!.GetValue<string>(), item["template"]!.GetValue<string>(), item["enable_thinking"]?.GetValue<bool>())))
        {
            var tokenizer = TokenizerOf(group.First()!);
            var template = TrainingTemplate.For(group.Key.Item2, tokenizer);
            foreach (var item in group)
            {
                var row = Rows(datasets, item!["set"]!.GetValue<string>())[item["row"]!.GetValue<int>()];
                if (IsReadDifferently(row, tokenizer)) continue;
                var encoder = new ConversationEncoder(template, tokenizer, group.Key.Item3);
                var settings = item["settings"]!;

                var example = Encode(encoder, row, item["cutoff_len"]!.GetValue<int>(), Flag(settings, "mask_history"), Flag(settings, "train_on_prompt"))!;

                example.Ids.Should().Equal(Ints(item["ids"]!));
                example.Trained.Should().Equal(Ranges(item["trained"]!));
            }
        }
    }

    [SkippableFact]
    public void PromptBeforeTheLabel_InTrainingAndScoring_AreTheForksAndTheScripts()
    {
        var datasets = Goldens.Json("rl", "llamafactory", "datasets.json");
        foreach (var item in Goldens.Json("rl", "llamafactory", "scoring_prompt.json")["cases"]!.AsArray())
        {
            var tokenizer = TokenizerOf(item!);
            var row = Rows(datasets, item!["set"]!.GetValue<string>())[item["row"]!.GetValue<int>()];
            var scoringName = item["scoring_template"]!.GetValue<string>();
            var own = scoringName.EndsWith(".jinja", StringComparison.Ordinal) ? ChatTemplate.ByName(Path.GetFileNameWithoutExtension(scoringName)) : ChatTemplate.ForCheckpoint(tokenizer);
            var encoder = new ConversationEncoder(TrainingTemplate.For(item["training_template"]!.GetValue<string>(), tokenizer), tokenizer, enableThinking: false);

            var training = encoder.Turns([.. row.Messages, new("assistant", row.Responses[0])], row.System)[0].Source;
            // A scored prompt ends in one space, a published row does not; and there is one BOS, where the script adds a second.
            var scoring = own.Encode(tokenizer, [new("user", row.Messages[0].Content + " ")], addGenerationPrompt: true, enableThinking: false);

            training.Should().HaveCount(item["training_prompt_length"]!.GetValue<int>());
            training.Should().StartWith(Ints(item["training_prompt_head"]!)).And.EndWith(Ints(item["training_prompt_tail"]!));
            scoring.Should().HaveCount(item["scoring_length"]!.GetValue<int>());
            scoring.Should().StartWith(Ints(item["scoring_head"]!)).And.EndWith(Ints(item["scoring_tail"]!));
            training.SequenceEqual(scoring).Should().Be(item["equal_to_training"]!.GetValue<bool>());
        }
    }
}
