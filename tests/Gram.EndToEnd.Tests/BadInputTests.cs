namespace Gram.EndToEnd.Tests;

/// <summary>What a user can get wrong is one line, exit code 2, and nothing half-written.</summary>
[Collection(ProgramTests.Name)]
public sealed class BadInputTests(TinyModels tiny)
{
    [Fact]
    public Task UnknownKey_NamesTheNearest() => FailsAsync("unknown key 'max_stepz'; the nearest known one is 'max_steps'", "ppo", "--max_stepz", "3");

    [Fact]
    public Task UnknownCommand_NamesTheNearest() => FailsAsync("unknown command 'rerunk'; the nearest known one is 'rerank'", "rerunk");

    [Fact]
    public Task ValueOutOfRange_SaysTheRange() => FailsAsync("'top_p' is out of range: 1.5", "generate", "--model", tiny.Policy, "--prompt", "x", "--top_p", "1.5");

    [Fact]
    public Task EmptyStopString_IsRefused() => FailsAsync("stop: an empty text", "generate", "--model", tiny.Policy, "--prompt", "x", "--stop", "[\"\"]");

    [Fact]
    public Task StreamOfAFile_SaysWhatStreams() => FailsAsync("stream: only the answer to one --prompt", "generate", "--model", tiny.Policy, "--input", tiny.Prompts, "--stream");

    [Fact]
    public Task QuantizedReference_IsRefused() => FailsAsync("KL is measured from the reference", "ppo", "--ref_model_quantization_bit", "8");

    [Fact]
    public Task QuantizationOtherThanInt8_IsRefused() => FailsAsync("quantization_bit must be 8", "generate", "--model", tiny.Policy, "--prompt", "x", "--quantization_bit", "4");

    [Fact]
    public Task MissingModel_NamesIt() => FailsAsync("nowhere", "generate", "--model", "nowhere", "--prompt", "x");

    [Fact]
    public Task MissingFile_NamesIt() => FailsAsync("nowhere.jsonl", "judge", "--reward_model", tiny.Judge, "--input", "nowhere.jsonl");

    [Fact]
    public Task MissingYaml_NamesIt() => FailsAsync("nowhere.yaml", "train", "nowhere.yaml");

    [Fact]
    public Task MissingLibtorch_NamesTheFolder() => FailsAsync("/nowhere", "generate", "--model", tiny.Policy, "--prompt", "x", "--libtorch", "/nowhere");

    [SkippableTheory]
    [Trait("Category", Goldens.Category)]
    [MemberData(nameof(BrokenCheckpoints))]
    public Task BrokenCheckpoint_NamesWhatIsWrong(string name) =>
        FailsAsync(Goldens.PathOf("models", "bad", name), "generate", "--model", Goldens.PathOf("models", "bad", name), "--prompt", "x");

    public static IEnumerable<object[]> BrokenCheckpoints => Goldens.Folders(Path.Combine("models", "bad"), "expect.json");

    [Theory]
    [InlineData("""{"prompt": "a", "chosen": "b"}""", "row 2", "'rejected'")]
    [InlineData("""{"prompt": 3, "chosen": "b", "rejected": "c"}""", "row 2", "'prompt'")]
    [InlineData("""{"prompt": "a", """, "row 2", "JSON")]
    public async Task BadRow_NamesFileRowAndField(string row, string place, string field)
    {
        var pairs = tiny.Write($"bad-{Guid.NewGuid():N}.jsonl", """{"prompt": "a", "chosen": "b", "rejected": "c"}""", row);
        var output = pairs + ".out.jsonl";

        var run = await FailsAsync(place, "judge", "--reward_model", tiny.Judge, "--input", pairs, "--output", output);

        run.ErrorLine.Should().Contain(pairs).And.Contain(field);
        File.Exists(output).Should().BeFalse("nothing is half-written");
    }

    [Fact]
    public Task BadTrainingRow_IsFoundBeforeTheFirstStep()
    {
        var pairs = tiny.Write("bad-training.jsonl", """{"prompt": "a", "chosen": "b", "rejected": "c"}""", """{"prompt": "a", "chosen": ["b"], "rejected": "c"}""");
        return FailsAsync("row 2", "train", "--model", tiny.Policy, "--dataset", pairs, "--gram_loss", "--template", "none", "--output_dir", Path.Combine(tiny.Root, "never"));
    }

    [Fact]
    public Task EmptyDataSet_SaysSo() => FailsAsync("no rows", "judge", "--reward_model", tiny.Judge, "--input", tiny.Write("empty.jsonl"));

    [Fact]
    public Task PromptLongerThanTheContext_SaysHowLong()
    {
        var prompt = string.Join(' ', Enumerable.Repeat("My router is broken.", 200));
        return FailsAsync("longer than the context", "generate", "--model", tiny.Policy, "--prompt", prompt);
    }

    [Fact]
    public async Task PpoPromptLongerThanTheContext_IsFoundBeforeTheFirstStep()
    {
        var prompts = tiny.Write("long.jsonl", $$"""{"prompt": "{{string.Join(' ', Enumerable.Repeat("My router is broken.", 200))}}"}""");
        var output = Path.Combine(tiny.Root, "ppo-long");

        await FailsAsync("longer than the context", "ppo", "--model", tiny.Policy, "--reward_model", tiny.Judge, "--dataset", prompts, "--max_new_tokens", "8", "--output_dir", output);

        File.Exists(Path.Combine(output, "trainer_log.jsonl")).Should().BeFalse("nothing is half-written");
    }

    [Fact]
    public async Task AlignPromptLongerThanTheContext_IsFoundBeforeTheJudgeIsTrained()
    {
        var prompts = tiny.Write("align-long.jsonl", $$"""{"prompt": "{{string.Join(' ', Enumerable.Repeat("My router is broken.", 200))}}"}""");
        var output = Path.Combine(tiny.Root, "align-long");

        await FailsAsync("longer than the context", "align", "--model", tiny.Policy, "--dataset", prompts, "--judge_dataset", tiny.Pairs, "--max_new_tokens", "8", "--output_dir", output);

        Directory.Exists(Path.Combine(output, "judge-stage1")).Should().BeFalse("it would take hours for nothing");
    }

    [Fact]
    public async Task LabelsOfSeveralTokens_NameLabelAndIds()
    {
        var judge = Path.Combine(tiny.Root, "wordy-judge");
        Directory.CreateDirectory(judge);
        foreach (var file in Directory.GetFiles(tiny.Judge)) File.Copy(file, Path.Combine(judge, Path.GetFileName(file)), overwrite: true);
        (TinyModels.JudgeConfig with { Labels = ["the first one", " B"] }).Write(judge);

        await FailsAsync("the first one", "judge", "--reward_model", judge, "--input", tiny.Pairs);
    }

    [Fact]
    public Task OutputBelowAFile_CannotBeWritten() =>
        FailsAsync("prompts.jsonl", "judge", "--reward_model", tiny.Judge, "--input", tiny.Pairs, "--output", Path.Combine(tiny.Prompts, "scored.jsonl"));

    [Fact]
    public Task RunFolderBelowAFile_CannotBeWritten() =>
        FailsAsync("prompts.jsonl", "ppo", "--model", tiny.Policy, "--reward_model", tiny.Judge, "--dataset", tiny.Prompts, "--max_new_tokens", "8", "--output_dir", Path.Combine(tiny.Prompts, "run"));

    private async Task<ProgramRun> FailsAsync(string says, params string[] args)
    {
        var run = await GramProgram.RunAsync(tiny.Root, args);
        run.ExitCode.Should().Be(2, run.Error);
        run.ErrorLine.Should().Contain(says);
        run.Output.Should().BeEmpty();
        return run;
    }
}
