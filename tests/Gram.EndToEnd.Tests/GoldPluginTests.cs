using System.Text.Json.Nodes;
using Gram.Examples.FilmReviewGold;
using Gram.Reward.Data;

namespace Gram.EndToEnd.Tests;

/// <summary>examples/sst2/gold: a gold measure that is no part of the program.</summary>
[Collection(ProgramTests.Name)]
public sealed class GoldPluginTests(TinyModels tiny)
{
    private static readonly string Plugin = Path.Combine(AppContext.BaseDirectory, "Gram.Examples.FilmReviewGold.dll");

    private readonly string folder = Path.Combine(tiny.Root, "gold");

    [Fact]
    public async Task Ppo_GoldOfOnesOwn_MeasuresHeldOutAnswers()
    {
        var output = Path.Combine(folder, "ppo");

        var run = await RunAsync(isMostlyGood: true, "ppo", "--model", tiny.Policy, "--dataset", tiny.Prompts, "--eval_dataset", tiny.Prompts, "--output_dir", output, "--max_steps", "1", "--per_device_train_batch_size", "2", "--ppo_buffer_size", "1");

        run.ExitCode.Should().Be(0, run.Error);
        run.Json["gold"]!["after"]!["mean"]!.GetValue<double>().Should().Be(1, "of words that it does not know the measure says what most sentences are");
        var last = JsonNode.Parse(File.ReadLines(Path.Combine(output, "trainer_log.jsonl")).Last())!;
        last["eval/gold_sampled"]!.GetValue<double>().Should().Be(1);
        last["eval/reference_perplexity"]!.GetValue<double>().Should().BeGreaterThan(1);
    }

    [Fact]
    public async Task BestOfN_GoldOfOnesOwn_MeasuresWhatIsPicked()
    {
        var run = await RunAsync(isMostlyGood: false, "best-of-n", "--n", "1,2", "--model", tiny.Policy, "--input", tiny.Prompts, "--max_samples", "2", "--output_dir", Path.Combine(folder, "best-of-n"));

        run.ExitCode.Should().Be(0, run.Error);
        run.Json["gold"]!.AsArray().Select(estimate => estimate!["mean"]!.GetValue<double>()).Should().Equal(0, 0);
    }

    [Theory]
    [InlineData("nowhere.dll", "gold_plugin: nowhere.dll: no such file; name an assembly (.dll) with a class that implements Gram.Ppo.IGoldMeasure")]
    [InlineData("Gram.Examples.RewardPlugin.dll", "has no public class that implements Gram.Ppo.IGoldMeasure")]
    public async Task Ppo_AssemblyWithoutAGoldMeasure_IsOneLine(string file, string message)
    {
        var beside = Path.Combine(AppContext.BaseDirectory, file);

        var run = await GramProgram.RunAsync(tiny.Root, "ppo", "--gold_plugin", File.Exists(beside) ? beside : file, "--output_dir", Path.Combine(folder, "none"));

        run.ExitCode.Should().Be(2);
        run.ErrorLine.Should().Contain(message);
        Directory.Exists(Path.Combine(folder, "none")).Should().BeFalse();
    }

    [Fact]
    public async Task Ppo_GoldMeasureWithoutItsFile_IsOneLine()
    {
        var run = await GramProgram.RunAsync(tiny.Root, new Dictionary<string, string> { ["FILM_REVIEW_SENTENCES"] = "nowhere.tsv" }, "ppo", "--gold_plugin", Plugin, "--output_dir", Path.Combine(folder, "none"));

        run.ExitCode.Should().Be(2);
        run.ErrorLine.Should().MatchRegex("^gold_plugin: .*FilmReviewGold could not be made: Could not find file .*nowhere.tsv");
    }

    [Fact]
    public async Task Ppo_GoldMeasureWithNothingToMeasure_IsOneLine()
    {
        var run = await GramProgram.RunAsync(tiny.Root, "ppo", "--model", tiny.Policy, "--reward_model", tiny.Judge, "--dataset", tiny.Prompts, "--gold_plugin", Plugin, "--output_dir", Path.Combine(folder, "none"));

        run.ExitCode.Should().Be(2);
        run.ErrorLine.Should().Be("gold_plugin measures held-out answers, and no prompt is held out: set eval_dataset or val_size");
    }

    /// <summary>By hand: of each class 5 features, 8 different ones in all, so a feature's odds are its counts + 1, each of 13; the prior is even.</summary>
    [Theory]
    [InlineData("a fine film", true)] // a 2:2, fine 2:1, film 2:2, "a fine" 2:1, "fine film" 2:1
    [InlineData("a dull film", false)] // a 2:2, dull 1:2, film 2:2, "a dull" 1:2, "dull film" 1:2
    [InlineData("unheard of", false)] // the prior alone, which is even: not above
    public void Film_OfKnownWords_IsJudgedByTheirOdds(string review, bool isPositive) =>
        new FilmReviewGold(["a fine film\t1", "a dull film\t0"]).Score(new Prompt("q"), review).Should().Be(isPositive ? 1 : 0);

    private Task<ProgramRun> RunAsync(bool isMostlyGood, params string[] args)
    {
        Directory.CreateDirectory(folder);
        var sentences = Path.Combine(folder, "sentences.tsv");
        File.WriteAllText(sentences, isMostlyGood ? "a fine film\t1\na good and fine film\t1\ndull\t0\n" : "a fine film\t1\ndull\t0\nvery dull\t0\n");
        return GramProgram.RunAsync(tiny.Root, new Dictionary<string, string> { ["FILM_REVIEW_SENTENCES"] = sentences }, [.. args, "--gold_plugin", Plugin, "--reward_model", tiny.Judge, "--template", "none", "--max_new_tokens", "8", "--json"]);
    }
}
