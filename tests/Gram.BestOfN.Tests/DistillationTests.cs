using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Models.Tokenization;
using Gram.Reward.Data;

namespace Gram.BestOfN.Tests;

public sealed class DistillationTests : IDisposable
{
    private readonly TemporaryDirectory folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Write_PlainPrompts_AreAlpacaRowsOfTheBestAndOfBestAndWorst()
    {
        var sets = Distillation.Write(folder.Path, [Ranked(new("Why?"), ["No.", "So.", "Eh."], 1, 0, 2), Ranked(new("How?"), ["Thus."], 0)]);

        sets.Should().Be(new DistilledSets(Supervised: 2, Preferences: 1, Alike: 1, Broken: 0));
        File.ReadAllText(folder.File("sft.jsonl")).Should().Be("""
            {"instruction":"Why?","input":"","output":"So."}
            {"instruction":"How?","input":"","output":"Thus."}

            """.ReplaceLineEndings("\n"));
        File.ReadAllText(folder.File("preferences.jsonl")).Should().Be("""{"instruction":"Why?","input":"","chosen":"So.","rejected":"Eh."}""" + "\n");
        Info()["best_of_n_sft"]!.ToJsonString().Should().Be("""{"file_name":"sft.jsonl","columns":{"prompt":"instruction","query":"input","response":"output"}}""");
        Info()["best_of_n_preferences"]!.ToJsonString().Should().Be("""{"file_name":"preferences.jsonl","ranking":true,"columns":{"prompt":"instruction","query":"input","chosen":"chosen","rejected":"rejected"}}""");
    }

    [Fact]
    public void Write_Conversations_AreReadBackAsTheyWere()
    {
        ChatMessage[] talk = [new("system", "Be brief."), new("user", "Why?"), new("assistant", "So."), new("user", "And?")];

        Distillation.Write(folder.Path, [Ranked(new("Why?"), ["So.", "No."], 0, 1), Ranked(new(null, talk), ["Then.", "Else."], 1, 0)]);

        foreach (var (name, expected) in new[] { (Distillation.SupervisedName, new[] { "Else." }), (Distillation.PreferenceName, ["Else.", "Then."]) })
        {
            var rows = DatasetReader.Read(DatasetInfo.Find(name, folder.Path)).ToList();
            rows[0].Messages.Should().Equal(new ChatMessage("user", "Why?"));
            rows[1].System.Should().Be("Be brief.");
            rows[1].Messages.Should().Equal(talk[1..]);
            rows[1].Responses.Should().Equal(expected);
        }
    }

    [Fact]
    public void Write_TurnsThatDoNotAlternate_AreLeftOutAndCounted()
    {
        var sets = Distillation.Write(folder.Path, [Ranked(new("Why?"), ["So.", "No."], 0, 1), Ranked(new(null, [new("user", "One."), new("user", "Two.")]), ["So.", "No."], 0, 1)]);

        sets.Should().Be(new DistilledSets(1, 1, 0, Broken: 1));
        File.ReadAllText(folder.File("sft.jsonl")).Should().NotContain("history", "no row that is there has one");
    }

    [Fact]
    public void Write_FolderWithDataSets_KeepsTheOthersAndReplacesItsOwn()
    {
        File.WriteAllText(folder.File("dataset_info.json"), """{"mine": {"file_name": "mine.json"}}""");

        Distillation.Write(folder.Path, [Ranked(new("Why?"), ["So.", "No."], 0, 1)]);
        Distillation.Write(folder.Path, [Ranked(new("Why?"), ["So.", "So."], 0, 1)]);

        Info().Select(entry => entry.Key).Should().BeEquivalentTo("mine", Distillation.SupervisedName);
        File.Exists(folder.File("preferences.jsonl")).Should().BeFalse("the pairs of an earlier run are not this one's");
    }

    [Fact]
    public void Write_BrokenRegistry_IsOneLineAndStays()
    {
        File.WriteAllText(folder.File("dataset_info.json"), "[1]");

        FluentActions.Invoking(() => Distillation.Write(folder.Path, [Ranked(new("Why?"), ["So.", "No."], 0, 1)])).Should().Throw<GramException>().WithMessage("*dataset_info.json must be an object*");

        File.ReadAllText(folder.File("dataset_info.json")).Should().Be("[1]");
    }

    private JsonObject Info() => JsonNode.Parse(File.ReadAllText(folder.File("dataset_info.json")))!.AsObject();

    private static RankedAnswers Ranked(Prompt prompt, IReadOnlyList<string> answers, params int[] ranking) => new(prompt, answers, new(ranking[0], ranking, [.. answers.Select(_ => 0.5)], []));
}
