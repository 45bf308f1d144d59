using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Models.Tokenization;
using Gram.Pipes.Events;
using Gram.Reward.Encoding;
using Gram.Reward.Judging;
using Gram.Reward.Training;
using Gram.Training.Runs;

namespace Gram.Reward.Tests.Encoding;

public sealed class ExampleSourceTests : IDisposable
{
    private const string ShortPrompt = "A: {answer_a}\nB: {answer_b}\nBetter film review:";

    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [SkippableFact]
    public void Load_RankingRowsAndShortPrompt_DrawsTheOrderHalfAndHalf()
    {
        var tokenizer = SmolLM2();
        var file = Pairs(20);

        var source = Load(ShortOptions(file), tokenizer);

        source.Train.Should().HaveCount(20);
        source.Train.Count(example => example.Label == 0).Should().Be(10);
        source.LabelIds.Should().Equal(tokenizer.Encode(" A").Concat(tokenizer.Encode(" B")));
        for (var i = 0; i < 20; i++)
        {
            var (ids, trained, label) = source.Train[i];
            var text = label == 0 ? $"A: good {i}\nB: bad {i}\nBetter film review:" : $"A: bad {i}\nB: good {i}\nBetter film review:";
            ids[..trained[0].Start].Should().Equal(tokenizer.Encode(text));
            ids[trained[0].Start].Should().Be(source.LabelIds[label]);
            trained.Should().Equal((trained[0].Start, ids.Length));
        }
        Load(ShortOptions(file), tokenizer).Train.Select(example => example.Label).Should().Equal(source.Train.Select(example => example.Label), "the seed is the same");
    }

    [SkippableFact]
    public void WriteRecord_AfterLoading_SaysWhichAnswerWasA()
    {
        var source = Load(ShortOptions(Pairs(6)), SmolLM2());

        source.WriteRecord(directory.Path);

        var order = JsonNode.Parse(File.ReadAllText(directory.File("examples.json")))!["order"]!.AsArray();
        order.Select(entry => entry!["a"]!.GetValue<string>() == "chosen" ? 0 : 1).Should().Equal(source.Train.Select(example => example.Label));
        order.Select(entry => entry!["row"]!.GetValue<int>()).Should().Equal(1, 2, 3, 4, 5, 6);
    }

    [SkippableFact]
    public void Load_ValSize_HoldsPairsOutWithThePreferredAnswerFirst()
    {
        var source = Load(ShortOptions(Pairs(20)) with { ValSize = 0.2 }, SmolLM2());

        source.Train.Should().HaveCount(16);
        source.EvalPairs.Should().HaveCount(4).And.OnlyContain(pair => pair.AnswerA.StartsWith("good") && pair.AnswerB.StartsWith("bad"));
        source.Eval.Should().BeEmpty();
    }

    [SkippableFact]
    public void Load_SeveralDataSets_TakeMaxSamplesOfEachInOrder()
    {
        var tokenizer = SmolLM2();
        File.WriteAllText(directory.File("dataset_info.json"), """{"first": {"file_name": "first.json"}, "second": {"file_name": "second.json", "formatting": "sharegpt"}}""");
        File.WriteAllText(directory.File("first.json"), """[{"instruction": "1", "input": "", "output": "one"}, {"instruction": "2", "input": "", "output": "two"}, {"instruction": "3", "input": "", "output": "three"}]""");
        File.WriteAllText(directory.File("second.json"), """[{"conversations": [{"from": "human", "value": "4"}, {"from": "gpt", "value": "four"}]}]""");
        File.WriteAllText(directory.File("held-out.jsonl"), """{"instruction": "5", "input": "", "output": "five"}""" + "\n");

        var source = Load(new() { Dataset = ["first", "second"], DatasetDir = directory.Path, EvalDataset = [directory.File("held-out.jsonl")], MaxSamples = 2, Template = "none" }, tokenizer);

        source.Train.Select(example => tokenizer.Decode(example.Ids)).Should().Equal("1one", "2two", "4four");
        source.Eval.Select(example => tokenizer.Decode(example.Ids)).Should().Equal("5five");
    }

    [SkippableFact]
    public void Load_Stage1OfRankingRows_TrainsBothAnswersAfterTheQuestion()
    {
        var tokenizer = SmolLM2();
        var file = Write("""{"prompt":"Why?","chosen":"So.","rejected":"No."}""");

        var source = Load(new() { Dataset = [file], Template = "none" }, tokenizer);

        var (ids, trained, label) = source.Train.Single();
        label.Should().Be(-1);
        tokenizer.Decode(ids[..trained[0].Start], skipSpecialTokens: false).Should().Be("[User Question]\nWhy?\n\n");
        tokenizer.Decode(ids[trained[0].Start..], skipSpecialTokens: false).Should().Be(
            "[The Start of Assistant A's Answer]\nSo.\n[The End of Assistant A's Answer]\n\n[The Start of Assistant B's Answer]\nNo.\n[The End of Assistant B's Answer]<|im_end|>");
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void Load_TooLongAnswers_AreShortenedSoThatTemplateAndLabelStay(bool gramLoss)
    {
        var tokenizer = SmolLM2();
        var notices = new Notices();
        var file = Write($$"""{"prompt":"Why?","chosen":"{{Words(400)}}","rejected":"{{Words(200)}}"}""");

        var source = Load(new() { Dataset = [file], GramLoss = gramLoss, CutoffLen = 512 }, tokenizer, notices);

        var (ids, trained, _) = source.Train.Single();
        ids.Length.Should().BeInRange(508, 512);
        source.Shortened.Should().Be(1);
        notices.Texts.Should().Contain(text => text.StartsWith("1 examples had their answers shortened"));
        var text = tokenizer.Decode(ids, skipSpecialTokens: false);
        text.Should().Contain("[User Question]\nWhy?\n").And.Contain("\n[The End of Assistant A's Answer]\n").And.EndWith("<|im_end|>\n");
        if (gramLoss) text[..^"<|im_end|>\n".Length].Should().MatchRegex("#Preferred: <\\|im_end\\|>\n<\\|im_start\\|>assistant\n[AB]$");
        else tokenizer.Decode(ids[trained[0].Start..]).Should().StartWith("[The Start of Assistant A's Answer]");
    }

    [SkippableFact]
    public void Load_PublishedStage2Row_IsShortenedWithItsOwnEnd()
    {
        var tokenizer = SmolLM2();
        var text = new JudgePrompt(GramConfig.Published).Render("Why?", Words(400), Words(200)).TrimEnd();
        var row = new JsonObject { ["instruction"] = text, ["input"] = "", ["output"] = "B" };

        var source = Load(new() { Dataset = [Write(row.ToJsonString())], GramLoss = true, CutoffLen = 512 }, tokenizer);

        source.Shortened.Should().Be(1);
        source.Train.Single().Label.Should().Be(1);
        tokenizer.Decode(source.Train.Single().Ids, skipSpecialTokens: false).Should().Contain("#Preferred:<|im_end|>");
    }

    [SkippableFact]
    public void Load_RowThatCannotFit_IsDroppedAndListed()
    {
        var notices = new Notices();
        var file = Write("""{"prompt":"Why?","chosen":"So.","rejected":"No."}""", $$"""{"prompt":"{{Words(500)}}","chosen":"So.","rejected":"No."}""", """{"prompt":"Why?","chosen":null,"rejected":"No."}""");

        var source = Load(new() { Dataset = [file], GramLoss = true, CutoffLen = 512 }, SmolLM2(), notices);

        source.Train.Should().HaveCount(1);
        source.Dropped.Should().Be(2);
        source.WriteRecord(directory.Path);
        JsonNode.Parse(File.ReadAllText(directory.File("examples.json")))!["dropped"]!.AsArray().Select(entry => entry!["row"]!.GetValue<int>()).Should().Equal(2, 3);
        notices.Texts.Should().Contain(text => text.StartsWith("2 rows were left out"));
    }

    [SkippableFact]
    public void Load_Clean_DropsEmptyEqualRepeatedAndOverLongRows()
    {
        var repeated = string.Concat(Enumerable.Repeat("and so on and ", 30));
        var file = Write(
            """{"prompt":"Why?","chosen":"So.","rejected":"No."}""",
            """{"prompt":"","chosen":"So.","rejected":"No."}""",
            """{"prompt":"Why?","chosen":"So.","rejected":" "}""",
            """{"prompt":"Why?","chosen":"So.","rejected":"So."}""",
            $$"""{"prompt":"Why?","chosen":"So.","rejected":"{{repeated}}"}""",
            $$"""{"prompt":"Why?","chosen":"So.","rejected":"{{Words(600)}}"}""");

        Load(new() { Dataset = [file], GramLoss = true, CutoffLen = 512, Clean = true }, SmolLM2()).Dropped.Should().Be(5);
        Load(new() { Dataset = [file], GramLoss = true, CutoffLen = 512 }, SmolLM2()).Dropped.Should().Be(0);
    }

    [SkippableTheory]
    [InlineData("""{"instruction":"x","input":"","output":" A"}""", "*rows.jsonl, row 1: 'output' is \" A\", not one of the labels \"A\", \"B\"*")]
    [InlineData("""{"instruction":"x","input":""}""", "*rows.jsonl, row 1: 'output' is missing*")]
    [InlineData("""{"prompt":"x","chosen":"a","rejected":7}""", "*rows.jsonl, row 1: 'rejected' must be a text*")]
    public void Load_BadRow_NamesFileRowAndField(string row, string message)
    {
        var tokenizer = SmolLM2();

        FluentActions.Invoking(() => Load(new() { Dataset = [Write(row)], GramLoss = true }, tokenizer)).Should().Throw<GramException>().WithMessage(message);
    }

    [SkippableFact]
    public void Load_WrongSettings_AreErrorsBeforeTheFirstStep()
    {
        var tokenizer = SmolLM2();
        var options = new GramTrainingOptions { Dataset = [Pairs(2)], GramLoss = true };

        FluentActions.Invoking(() => Load(options with { Template = "qwen3", EnableThinking = true }, tokenizer)).Should().Throw<GramException>().WithMessage("*enable_thinking: false*");
        FluentActions.Invoking(() => Load(options with { GramCandidateLabels = ["A", "Quite surely B"] }, tokenizer)).Should().Throw<GramException>().WithMessage("label \"Quite surely B\" must be one token*");
        FluentActions.Invoking(() => Load(options with { GramCandidateLabels = ["A"] }, tokenizer)).Should().Throw<GramException>().WithMessage("*two different labels*");
        FluentActions.Invoking(() => Load(options with { GramPrompt = "{question}" }, tokenizer)).Should().Throw<GramException>().WithMessage("*{answer_a}*");
        FluentActions.Invoking(() => Load(options with { Template = "llama3" }, tokenizer)).Should().Throw<GramException>().WithMessage("*llama3*<|start_header_id|>*");
        FluentActions.Invoking(() => Load(options with { Template = "lama3" }, tokenizer)).Should().Throw<GramException>().WithMessage("template lama3 is unknown*llama3*");
        FluentActions.Invoking(() => Load(options with { Dataset = [] }, tokenizer)).Should().Throw<GramException>();
        FluentActions.Invoking(() => Load(options with { ValSize = 2 }, tokenizer)).Should().Throw<GramException>().WithMessage("*val_size*");
    }

    [SkippableFact]
    public void Load_TemplateThatIsNotTheCheckpointsOwn_IsSaidAtTheStart()
    {
        var options = new GramTrainingOptions { Dataset = [Pairs(2)], GramLoss = true };

        var notices = new Notices();
        Load(options with { Template = "smollm2" }, SmolLM2(), notices).Judge.Template.Should().Be("smollm2");
        notices.Texts.Should().ContainSingle().Which.Should().StartWith("template smollm2 writes the judge prompt in").And.Contain("own smollm2");

        var quiet = new Notices();
        Load(options, SmolLM2(), quiet);
        quiet.Texts.Should().BeEmpty();
    }

    [SkippableFact]
    public void Load_RowsWithAnotherJudgePrompt_AreTrainedAsTheyStandAndSaidSo()
    {
        var notices = new Notices();

        var source = Load(new() { Dataset = [Write("""{"instruction":"Which one? x / y","input":"","output":"B"}""")], GramLoss = true }, SmolLM2(), notices);

        source.Train.Single().Label.Should().Be(1);
        notices.Texts.Should().ContainSingle().Which.Should().StartWith("1 rows are written with another judge prompt");
    }

    [SkippableFact]
    public void Load_ThreeLabels_TakesRowsWithEachAndHoldsTiesOutAsRows()
    {
        var tokenizer = SmolLM2();
        string[] labels = ["A", "B", "C"];
        var prompt = new JudgePrompt(GramConfig.Published);
        var file = Write([.. labels.Select(label => new JsonObject { ["instruction"] = prompt.Render("Why?", "So.", "No.").TrimEnd(), ["input"] = "", ["output"] = label }.ToJsonString())]);
        var notices = new Notices();
        var options = new GramTrainingOptions { Dataset = [file], EvalDataset = [file], GramLoss = true, GramCandidateLabels = labels };

        var source = Load(options, tokenizer, notices);

        source.Train.Select(example => example.Label).Should().Equal(0, 1, 2);
        source.Train.Select(example => example.Ids[example.Trained[0].Start]).Should().Equal(source.LabelIds).And.Equal(labels.SelectMany(label => tokenizer.Encode(label)));
        source.EvalPairs.Select(pair => pair.AnswerA).Should().Equal("So.", "No.");
        source.Eval.Single().Label.Should().Be(2);
        notices.Texts.Should().BeEmpty();
        FluentActions.Invoking(() => Load(options with { GramCandidateLabels = ["A", "B", "B"] }, tokenizer)).Should().Throw<GramException>().WithMessage("*two different labels or more*");
    }

    [SkippableFact]
    public void Load_ModelTrainedBefore_KeepsItsJudgePrompt()
    {
        new GramConfig { Prompt = ShortPrompt }.Write(directory.Path);

        Load(new() { Dataset = [Pairs(2)], GramLoss = true, ModelNameOrPath = directory.Path }, SmolLM2()).Judge.Prompt.Should().Be(ShortPrompt);
    }

    [SkippableFact, Trait("Category", Goldens.Category)]
    public void Load_Stage2Goldens_PutTheLabelWhereTheForksLossLooks()
    {
        var golden = Goldens.Json("rl", "llamafactory", "encoded", "smollm2.chatml.thinking-false.json")["gram_loss"]!;
        var rows = Goldens.Json("rl", "llamafactory", "datasets.json")[golden["set"]!.GetValue<string>()]!["rows"]!.AsArray();
        foreach (var (row, expected) in rows.Zip(golden["rows"]!.AsArray()).Where(pair => pair.Second!["logits_at"] is not null))
        {
            var source = Load(new() { Dataset = [Write(row!.ToJsonString())], GramLoss = true, Template = "chatml" }, SmolLM2());

            (source.Train.Single().Trained[0].Start - 1).Should().Be(expected!["logits_at"]![0]!.GetValue<int>());
            source.LabelIds.Should().Equal(expected["columns"]!.AsArray().Select(id => id!.GetValue<int>()));
        }
    }

    private static GramTrainingOptions ShortOptions(string file) => new()
    {
        Dataset = [file], GramLoss = true, Template = "none", GramPrompt = ShortPrompt, GramCandidateLabels = [" A", " B"],
    };

    private static ExampleSource Load(GramTrainingOptions options, Tokenizer tokenizer, IPublisher<Notice>? notices = null) =>
        ExampleSource.Load(options, tokenizer, new RandomSource(7), notices);

    private static Tokenizer SmolLM2() => TestTokenizers.SmolLM2;

    private string Pairs(int count) => Write([.. Enumerable.Range(0, count).Select(i => $$"""{"prompt":"","chosen":"good {{i}}","rejected":"bad {{i}}"}""")]);

    private string Write(params string[] rows)
    {
        File.WriteAllLines(directory.File("rows.jsonl"), rows);
        return directory.File("rows.jsonl");
    }

    private static string Words(int count) => string.Join(' ', Enumerable.Range(0, count).Select(i => $"w{i}"));

    private sealed class Notices : IPublisher<Notice>
    {
        public List<string> Texts { get; } = [];
        public void Publish(Notice message) => Texts.Add(message.Text);
    }
}
