using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Models.Tokenization;
using Gram.Pipes.Events;
using Gram.Reward.Encoding;
using Gram.Reward.Judging;
using Gram.Reward.Training;
using Gram.Training.Runs;

namespace Gram.Reward.Tests.Encoding;

/// <summary>Encoded examples on disk are those in memory, and are taken again only where nothing has changed.</summary>
public sealed class TokenizedPathTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();
    private readonly List<string> notices = [];

    public TokenizedPathTests()
    {
        TinyCheckpoint.Create(directory.File("model"));
        WriteRows(30);
    }

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData(true, false)]
    [InlineData(true, true)]
    [InlineData(false, true)]
    public void Load_ExamplesOnDisk_AreThoseInMemory(bool keeps, bool streams)
    {
        using var expected = Load(Options with { TokenizedPath = null });

        for (var time = 0; time < 2; time++)
        {
            using var source = Load(Options with { TokenizedPath = keeps ? Cache : null, Streaming = streams });

            source.Train.Select(Text).Should().Equal(expected.Train.Select(Text));
            source.Train[7].Should().BeEquivalentTo(expected.Train[7]);
            source.Eval.Select(Text).Should().Equal(expected.Eval.Select(Text)).And.NotBeEmpty();
            source.EvalPairs.Should().Equal(expected.EvalPairs).And.NotBeEmpty();
            source.Lengths.Should().Equal(expected.Lengths);
            (source.Longest, source.Shortened, source.Dropped).Should().Be((expected.Longest, expected.Shortened, expected.Dropped));
            source.Shortened.Should().BePositive();
            source.WriteRecord(directory.File("disk"));
            expected.WriteRecord(directory.File("memory"));
            File.ReadAllText(directory.File("disk/examples.json")).Should().Be(File.ReadAllText(directory.File("memory/examples.json")));
        }
        notices.Count(IsTaken).Should().Be(keeps ? 1 : 0);
    }

    [Fact]
    public void Load_NothingChanged_EncodesOnce()
    {
        Load(Options).Dispose();
        Load(Options).Dispose();
        notices.Should().ContainSingle(text => IsTaken(text));

        Load(Options with { OverwriteCache = true }).Dispose();
        notices.Should().ContainSingle(text => IsTaken(text), "it was to be made again");
        Directory.GetFiles(Cache).Should().ContainSingle();
    }

    [Theory]
    [InlineData("data")]
    [InlineData("template")]
    [InlineData("tokenizer")]
    [InlineData("prompt")]
    [InlineData("cutoff")]
    [InlineData("seed")]
    [InlineData("broken")]
    public void Load_SomethingChanged_EncodesAgain(string what)
    {
        Load(Options).Dispose();
        var options = Options;
        ulong seed = 7;
        switch (what)
        {
            case "data":
                WriteRows(31);
                break;
            case "template":
                options = options with { Template = "chatml" };
                break;
            case "tokenizer":
                // The same vocabulary with two ids exchanged.
                var path = directory.File("model/tokenizer.json");
                var json = JsonNode.Parse(File.ReadAllText(path))!;
                var vocabulary = json["model"]!["vocab"]!;
                (vocabulary["a"], vocabulary["b"]) = ((int)vocabulary["b"]!, (int)vocabulary["a"]!);
                File.WriteAllText(path, json.ToJsonString());
                break;
            case "prompt":
                options = options with { GramPrompt = "{question} A:{answer_a} B:{answer_b} >" };
                break;
            case "cutoff":
                options = options with { CutoffLen = 52 };
                break;
            case "seed":
                seed = 8;
                break;
            default:
                using (var file = File.OpenWrite(Directory.GetFiles(Cache).Single())) file.SetLength(file.Length - 20);
                break;
        }

        using var source = Load(options, seed);
        using var expected = Load(options with { TokenizedPath = null }, seed);

        source.Train.Select(Text).Should().Equal(expected.Train.Select(Text));
        notices.Should().NotContain(text => IsTaken(text)).And.ContainSingle(text => text.Contains("encoding again"));
        Load(options, seed).Dispose();
        notices.Should().ContainSingle(text => IsTaken(text), "it was replaced");
    }

    [Fact]
    public void Load_BadRow_LeavesNoFile()
    {
        File.AppendAllText(directory.File("rows.jsonl"), """{"prompt":"x","chosen":"a","rejected":7}""" + "\n");

        FluentActions.Invoking(() => Load(Options)).Should().Throw<GramException>().WithMessage("*rows.jsonl, row 31: 'rejected' must be a text*");

        Directory.GetFiles(Cache).Should().BeEmpty();
    }

    private string Cache => directory.File("tokens");

    private GramTrainingOptions Options => new()
    {
        ModelNameOrPath = directory.File("model"), Dataset = [directory.File("rows.jsonl")], TokenizedPath = Cache, ValSize = 0.3, GramLoss = true, Template = "none",
        GramPrompt = "{question}\nA:{answer_a}\nB:{answer_b}\n>", CutoffLen = 48,
    };

    private ExampleSource Load(GramTrainingOptions options, ulong seed = 7) => ExampleSource.Load(options, Tokenizer.Load(options.ModelNameOrPath), new RandomSource(seed), new Heard(notices));

    private static bool IsTaken(string text) => text.Contains("encoded examples are taken from");

    private static string Text(TrainingExample example) => $"{string.Join(' ', example.Ids)} | {string.Join(' ', example.Trained)} | {example.Label}";

    /// <summary>Pairs, some of them too long, and rows with a prompt of their own.</summary>
    private void WriteRows(int count) => File.WriteAllLines(directory.File("rows.jsonl"), Enumerable.Range(0, count).Select(i => i % 3 == 2
        ? $$"""{"instruction": "Which is better, a or b? {{i}}", "input": "", "output": "{{(i % 2 == 0 ? "A" : "B")}}"}"""
        : $$"""{"prompt": "item {{i}}?", "chosen": "good {{i}}", "rejected": "bad {{new string('x', i)}}"}"""));

    private sealed class Heard(List<string> notices) : IPublisher<Notice>
    {
        public void Publish(Notice message) => notices.Add(message.Text);
    }
}
