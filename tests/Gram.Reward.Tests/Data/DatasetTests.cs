using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Models.Tokenization;
using Gram.Pipes.Events;
using Gram.Reward.Data;
using Gram.Training.Runs;

namespace Gram.Reward.Tests.Data;

public sealed class DatasetTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    /// <summary>Names of the sets of datasets.json.</summary>
    public static IEnumerable<object[]> Sets()
    {
        var path = Path.Combine(Goldens.Root, "rl", "llamafactory", "datasets.json");
        return System.IO.File.Exists(path) ? JsonNode.Parse(System.IO.File.ReadAllText(path))!.AsObject().Select(set => new object[] { set.Key }) : [[""]];
    }

    [SkippableTheory, Trait("Category", Goldens.Category)]
    [MemberData(nameof(Sets))]
    public void Convert_LayoutsOfLlamaFactory_GivesItsConversations(string set)
    {
        var golden = Goldens.Json("rl", "llamafactory", set == "" ? "" : "datasets.json")[set]!;
        var info = DatasetInfo.Parse(set, WithFile(golden["info"]!.AsObject()), "");

        foreach (var (raw, converted) in golden["rows"]!.AsArray().Zip(golden["converted"]!.AsArray()))
        {
            var row = DatasetReader.Convert(info, new JsonRow(1, raw!.AsObject(), set));

            var expectedPrompt = Turns(converted!["prompt"]!);
            var expectedResponse = Turns(converted["response"]!);
            row.Messages.Should().Equal(expectedPrompt);
            row.Responses.Should().Equal(expectedResponse.Select(turn => turn.Content));
            (row.System ?? "").Should().Be(converted["system"]?.GetValue<string>() ?? "");
        }
    }

    [Fact]
    public void Find_NameInRegistry_TakesItsEntry()
    {
        Write("dataset_info.json", """{"mine": {"file_name": "a.json", "ranking": true, "columns": {"prompt": "q", "chosen": "good", "rejected": "bad"}}}""");
        Write("a.json", """[{"q": "Why?", "good": "Because.", "bad": "No."}]""");

        var row = DatasetReader.Read(DatasetInfo.Find("mine", directory.Path)).Single();

        row.Messages.Should().Equal(new ChatMessage("user", "Why?"));
        row.Responses.Should().Equal("Because.", "No.");
    }

    [Theory]
    [InlineData("""{"prompt":"Why?"}""", null)]
    [InlineData("""{"prompt":"Why?","reference":"So."}""", "So.")]
    [InlineData("""{"messages":[{"role":"user","content":"Why?"}]}""", null)]
    [InlineData("""{"messages":[{"role":"user","content":"Why?"},{"role":"assistant","content":"So."}]}""", "So.")]
    [InlineData("""{"conversations":[{"from":"human","value":"Why?"},{"from":"gpt","value":"So."}]}""", "So.")]
    [InlineData("""{"instruction":"Why?","input":"","output":"So."}""", "So.")]
    [InlineData("""{"instruction":"Why?"}""", null)]
    [InlineData("""{"prompt":"Why?","chosen":"So.","rejected":"No."}""", "So.")]
    [InlineData("""{"instruction":"Why?","input":"","chosen":"So.","rejected":"No."}""", "So.")]
    public void PromptSource_BareFileOfAnyLayout_GivesPromptAndReference(string row, string? reference)
    {
        var prompt = PromptSource.Load(Write("rows", row), "nowhere").Single();

        prompt.Question.Should().Be("Why?");
        prompt.Text.Should().Be("Why?");
        prompt.Reference.Should().Be(reference);
    }

    [Theory]
    [InlineData("""{"prompt":"Review: a warm","answer_prefix":"a warm"}""", "a warm")]
    [InlineData("""{"messages":[{"role":"user","content":"Review: a warm"}],"answer_prefix":"a warm"}""", "a warm")]
    [InlineData("""{"prompt":"Review: a warm"}""", "")]
    public void AnswerPrefix_OfARow_ComesWithThePromptFromEitherReader(string row, string prefix)
    {
        var file = Write("rows", row);

        PromptSource.Load(file, "nowhere").Single().AnswerPrefix.Should().Be(prefix);
        PromptFile.Read(file).Single().AnswerPrefix.Should().Be(prefix);
    }

    [Fact]
    public void PromptSource_RowsWithoutAPrompt_AreLeftOutWithACountAndTheFirst()
    {
        var file = Write("rows", """
            {"conversations":[{"from":"human","value":"Why?"},{"from":"gpt","value":"So."}]}
            {"conversations":[{"from":"gpt","value":"So."},{"from":"human","value":"Why?"}]}
            {"conversations":[]}
            """);
        var notices = new EventBroker<Notice>();
        List<Notice> said = [];
        notices.Subscribe(said.Add);

        PromptSource.Load(file, "nowhere", notices).Should().ContainSingle();

        said.Should().ContainSingle().Which.Should().Match<Notice>(notice => notice.IsWarning && notice.Text.StartsWith($"{file}: 2 rows without a prompt were left out, the first is row 2"));
    }

    [Fact]
    public void PromptSource_SystemColumn_IsInTheConversation()
    {
        Write("dataset_info.json", """{"mine": {"file_name": "a.json", "columns": {"prompt": "instruction", "response": "output", "system": "system"}}}""");
        Write("a.json", """[{"instruction": "Why?", "output": "So.", "system": "Be terse."}]""");

        PromptSource.Load("mine", directory.Path).Single().Messages.Should().Equal(new("system", "Be terse."), new ChatMessage("user", "Why?"));
    }

    [Theory]
    [InlineData("""{"instruction":"Why?","input":""}""", "'output' is missing")]
    [InlineData("""{"instruction":"Why?","output":7}""", "'output' must be a text")]
    [InlineData("""{"question":"Why?"}""", "'prompt' is missing")]
    [InlineData("""{"prompt":"Why?","chosen":"So."}""", "'rejected' is missing")]
    [InlineData("""{"conversations":[{"from":"human"}]}""", "'conversations[0].value' must be a text")]
    [InlineData("""{"messages":"Why?"}""", "'messages' must be a list")]
    public void Read_BadRow_NamesFileRowAndField(string row, string problem)
    {
        var file = Write("rows", """{"instruction":"Why?","input":"","output":"So."}""" + "\n" + row);

        FluentActions.Invoking(() => DatasetReader.Read(DatasetInfo.Find(file, "")).ToList()).Should().Throw<GramException>().WithMessage($"{file}, row 2: {problem}*");
    }

    [Theory]
    [InlineData("""{"mine": {}}""", "*mine has no file_name*")]
    [InlineData("""{"mine": {"file_name": "a", "formatting": "chat"}}""", "*formatting chat*alpaca and sharegpt*")]
    [InlineData("""{"mine": {"file_name": "a", "columns": {"promt": "q"}}}""", "*promt in columns; known are prompt*")]
    [InlineData("""{"mine": {"hf_hub_url": "a/b"}}""", "*hf_hub_url*file_name*")]
    [InlineData("""{"other": {"file_name": "a"}}""", "*mine is neither a file nor a name*known: other*")]
    [InlineData("[", "*dataset_info.json cannot be read*")]
    public void Find_WrongEntry_SaysWhat(string registry, string message)
    {
        Write("dataset_info.json", registry);

        FluentActions.Invoking(() => DatasetInfo.Find("mine", directory.Path)).Should().Throw<GramException>().WithMessage(message);
    }

    [SkippableFact]
    public void PromptSource_DemoSets_ReadsEveryRow()
    {
        PromptSource.Load(Repository.SharedPath("data", "gram-demo", "alpaca_en_demo.json"), "").Should().HaveCount(1000).And.OnlyContain(prompt => prompt.Reference != null);
        PromptSource.Load(Repository.SharedPath("data", "gram-demo", "dpo_en_demo.json"), "").Should().HaveCount(300).And.OnlyContain(prompt => prompt.Reference != null);
    }

    private static JsonObject WithFile(JsonObject info)
    {
        var copy = (JsonObject)info.DeepClone();
        copy["file_name"] = "rows.json";
        return copy;
    }

    private static List<ChatMessage> Turns(JsonNode list) =>
        [.. list.AsArray().Select(turn => new ChatMessage(turn!["role"]!.GetValue<string>(), turn["content"]!.GetValue<string>()))];

    private string Write(string name, string content)
    {
        System.IO.File.WriteAllText(directory.File(name), content);
        return directory.File(name);
    }
}
