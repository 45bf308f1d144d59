using System.Text.Json;
using System.Text.Json.Nodes;

namespace Gram.EndToEnd.Tests;

[Collection(ProgramTests.Name)]
public sealed class GenerateTests(TinyModels tiny)
{
    [Fact]
    public async Task Generate_Greedy_IsRepeatable()
    {
        var first = await GramProgram.RunAsync(tiny.Root, "generate", "--model", tiny.Policy, "--prompt", "My router is broken.", "--max_new_tokens", "12");
        var second = await GramProgram.RunAsync(tiny.Root, "generate", "--model", tiny.Policy, "--prompt", "My router is broken.", "--max_new_tokens", "12", "--seed", "9");

        first.ExitCode.Should().Be(0);
        first.Output.Should().NotBeEmpty().And.Be(second.Output, "a greedy answer draws nothing");
    }

    [Fact]
    public async Task Generate_Sampled_DependsOnTheSeedAlone()
    {
        string[] command = ["generate", "--model", tiny.Policy, "--input", tiny.Prompts, "--n", "3", "--max_new_tokens", "12", "--json", "--seed"];

        var one = await GramProgram.RunAsync(tiny.Root, [.. command, "1"]);
        var again = await GramProgram.RunAsync(tiny.Root, [.. command, "1"]);
        var other = await GramProgram.RunAsync(tiny.Root, [.. command, "2"]);

        one.Json["responses"]!.GetValue<int>().Should().Be(9);
        Answers(one).Should().Be(Answers(again)).And.NotBe(Answers(other));
    }

    [Fact]
    public async Task Generate_FromFileToFile_KeepsOrderAndFields()
    {
        var output = Path.Combine(tiny.Root, "generations.jsonl");

        var run = await GramProgram.RunAsync(tiny.Root, "generate", "--model", tiny.Policy, "--input", tiny.Prompts, "--output", output, "--n", "2", "--max_new_tokens", "8", "--temperature", "0.8", "--top_k", "20");

        run.ExitCode.Should().Be(0);
        var rows = File.ReadAllLines(output).Select(line => JsonNode.Parse(line)!).ToList();
        rows.Should().HaveCount(3).And.OnlyContain(row => row["responses"]!.AsArray().Count == 2);
        rows[0]["prompt"]!.GetValue<string>().Should().Be("My router is broken.");
        rows[1]["id"]!.GetValue<int>().Should().Be(7);
        rows[2]["messages"]!.AsArray().Should().HaveCount(1);
    }

    [Fact]
    public async Task Generate_ToStandardOutput_PrintsRowsAlone()
    {
        var run = await GramProgram.RunAsync(tiny.Root, "generate", "--model", tiny.Policy, "--input", tiny.Prompts, "--max_new_tokens", "4");

        run.ExitCode.Should().Be(0);
        run.Output.TrimEnd('\n').Split('\n').Should().HaveCount(3).And.OnlyContain(line => JsonNode.Parse(line, null, default)!["responses"] != null);
    }

    [Fact]
    public async Task Generate_StopString_CutsTheAnswerBeforeIt()
    {
        string[] command = ["generate", "--model", tiny.Policy, "--prompt", "My router is broken.", "--max_new_tokens", "24"];
        var whole = (await GramProgram.RunAsync(tiny.Root, command)).Output.TrimEnd();
        var stop = whole.Substring(whole.Length / 2, 2);

        var run = await GramProgram.RunAsync(tiny.Root, [.. command, "--stop", JsonSerializer.Serialize(new[] { stop })]);

        run.Output.TrimEnd().Should().Be(whole[..whole.IndexOf(stop, StringComparison.Ordinal)].TrimEnd());
    }

    [Fact]
    public async Task Generate_Stream_WritesTheSameAnswer()
    {
        string[] command = ["generate", "--model", tiny.Policy, "--prompt", "My router is broken.", "--max_new_tokens", "12"];

        var run = await GramProgram.RunAsync(tiny.Root, [.. command, "--stream"]);

        run.ExitCode.Should().Be(0);
        run.Output.TrimEnd().Should().Be((await GramProgram.RunAsync(tiny.Root, command)).Output.TrimEnd());
    }

    private static string Answers(ProgramRun run) => run.Json["generations"]!.ToJsonString();
}
