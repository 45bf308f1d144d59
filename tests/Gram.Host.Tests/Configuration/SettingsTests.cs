using Gram.Host.Commands;
using Gram.Host.Configuration;
using Gram.Models;
using Gram.Training.Configuration;

namespace Gram.Host.Tests.Configuration;

public sealed class SettingsTests : IDisposable
{
    private readonly TemporaryDirectory folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Settings_WithoutArguments_KeepDefaults()
    {
        Load().Get<SampleOptions>().Should().BeEquivalentTo(new SampleOptions());
    }

    [Fact]
    public void Settings_FromCommandLine_SetEveryKindOfKey()
    {
        var options = Load("--model", "some/where", "--learning_rate=3e-4", "--max_steps", "7", "--save_total_limit", "none", "--do_sample",
            "--colour", "dark_blue", "--method", "knockout", "--labels", "yes, no", "--n", "1,2,4", "--seed", "18446744073709551615", "--temperature", "0.5").Get<SampleOptions>();

        options.Model.Should().Be("some/where", "--model is short for --model_name_or_path");
        options.LearningRate.Should().Be(3e-4);
        options.MaxSteps.Should().Be(7);
        options.SaveTotalLimit.Should().BeNull();
        options.DoSample.Should().BeTrue();
        options.Colour.Should().Be(Colour.DarkBlue);
        options.Method.Should().Be("knockout");
        options.Labels.Should().Equal("yes", "no");
        options.N.Should().Equal(1, 2, 4);
        options.Seed.Should().Be(ulong.MaxValue);
        options.Sampling.Temperature.Should().Be(0.5, "keys of an inner record are keys of the command");
    }

    [Fact]
    public void Settings_FromYaml_ReadScalarsAndLists()
    {
        var options = Load(Yaml("learning_rate: 1.0e-4\nlabels: [\" A\", \" B\"]\nn:\n  - 8\n  - 16\nmethod: knockout\nmax_steps:\ndo_sample: yes\n")).Get<SampleOptions>();

        options.LearningRate.Should().Be(1e-4);
        options.Labels.Should().Equal(" A", " B");
        options.N.Should().Equal(8, 16);
        options.Method.Should().Be("knockout");
        options.MaxSteps.Should().Be(10, "a key without a value sets nothing");
        options.DoSample.Should().BeTrue();
    }

    [Theory]
    [InlineData("labels: [\"a, b\"]", "a, b")]
    [InlineData("labels:\n  - \" \\n\"", " \n")]
    [InlineData("labels: \"\\n\"", "\n")]
    public void Settings_ListOfOneItem_TakesItAsItStands(string yaml, string item) =>
        Load(Yaml(yaml)).Get<SampleOptions>().Labels.Should().Equal(item);

    [Fact]
    public void Settings_FromSeveralSources_LaterOneWins()
    {
        Environment.SetEnvironmentVariable("GRAM_COLOUR", "dark_blue");
        Environment.SetEnvironmentVariable("GRAM_METHOD", "linear");
        try
        {
            var arguments = CommandArguments.Parse([Yaml("colour: red\nmethod: knockout\nmax_steps: 5\n"), "--method", "knockout"], Schema());
            var options = new Settings(Schema(), arguments, new Dictionary<string, string> { ["max_steps"] = "3", ["n"] = "9" }).Get<SampleOptions>();

            options.Colour.Should().Be(Colour.DarkBlue, "the environment wins over the file");
            options.Method.Should().Be("knockout", "the command line wins over the environment");
            options.MaxSteps.Should().Be(5, "the file wins over the demo's defaults");
            options.N.Should().Equal([9], "the demo's defaults win over the record's");
        }
        finally
        {
            Environment.SetEnvironmentVariable("GRAM_COLOUR", null);
            Environment.SetEnvironmentVariable("GRAM_METHOD", null);
        }
    }

    [Theory]
    [InlineData("--learnign_rate", "1", "command line: unknown key 'learnign_rate'; the nearest known one is 'learning_rate' (--help lists all)")]
    [InlineData("--learning_rate", "fast", "command line: 'learning_rate' is not a number: fast; accepted: 0 to 1 (default 1E-05)")]
    [InlineData("--learning_rate", "2", "command line: 'learning_rate' is out of range: 2; accepted: 0 to 1 (default 1E-05)")]
    [InlineData("--max_steps", "1.5", "command line: 'max_steps' is not an integer: 1.5; accepted: 1 or more (default 10)")]
    [InlineData("--temperature", "0", "command line: 'temperature' is out of range: 0; accepted: above 0, at most 2 (default 1)")]
    [InlineData("--method", "lottery", "command line: 'method' is none of its values: lottery; accepted: linear, knockout (default linear)")]
    [InlineData("--colour", "blue", "command line: 'colour' is none of its values: blue; accepted: red, dark_blue (default red)")]
    [InlineData("--do_sample=perhaps", null, "command line: 'do_sample' is not true or false: perhaps (default false)")]
    [InlineData("--n", "1,two", "command line: 'n' is not an integer: two (default 1)")]
    [InlineData("--seed", "-1", "command line: 'seed' is not an integer: -1 (default 42)")]
    public void Settings_WithWrongValue_NameKeyAndAcceptedValues(string word, string? value, string message)
    {
        var load = () => Load(value is null ? [word] : [word, value]);

        load.Should().Throw<GramException>().WithMessage(message);
    }

    [Fact]
    public void Settings_FromYamlWithUnknownKey_NameFileAndNearestKey()
    {
        var file = Yaml("max_step: 3\n");

        var load = () => Load(file);

        load.Should().Throw<GramException>().WithMessage($"{file}: unknown key 'max_step'; the nearest known one is 'max_steps' (--help lists all)");
    }

    [Theory]
    [InlineData("a: [1, 2\nb: 3\n")]
    [InlineData("just a sentence\n")]
    [InlineData("a: 1\na: 2\n")]
    public void Settings_FromBrokenYaml_NameTheFile(string yaml)
    {
        var file = Yaml(yaml);

        var load = () => Load(file);

        load.Should().Throw<GramException>().Which.Message.Should().StartWith(file).And.NotContain("\n");
    }

    [Fact]
    public void Settings_FromMissingYaml_SaySo()
    {
        var load = () => Load("nowhere.yaml");

        load.Should().Throw<GramException>().WithMessage("nowhere.yaml: no such file; the first argument is a YAML file of keys");
    }

    [Fact]
    public void Settings_WithNestedMapping_NameTheKey()
    {
        var file = Yaml("labels:\n  first:\n    a: 1\n");

        var load = () => Load(file);

        load.Should().Throw<GramException>().WithMessage("*'labels' holds a mapping*");
    }

    [Fact]
    public void ToYaml_ReadBack_GivesTheSameOptions()
    {
        var settings = Load("--model", "a: b # c", "--labels", "[\" A\",\" B\"]", "--learning_rate", "2e-7", "--save_total_limit", "none", "--colour", "dark_blue", "--n", "1,2");

        var again = Load(Yaml(settings.ToYaml()));

        again.Get<SampleOptions>().Should().BeEquivalentTo(settings.Get<SampleOptions>());
    }

    [Fact]
    public void Settings_WithPrefix_FillTheSameRecordTwice()
    {
        var schema = new OptionSchema([typeof(SampleOptions), new OptionRecord(typeof(SampleOptions), "second_")]);
        var settings = new Settings(schema, CommandArguments.Parse(["--max_steps", "2", "--second_max_steps", "3"], schema));

        settings.Get<SampleOptions>().MaxSteps.Should().Be(2);
        settings.Get<SampleOptions>("second_").MaxSteps.Should().Be(3);
    }

    [Fact]
    public void Settings_WithLlamaFactoryKeysWithoutEffect_AcceptThemWithANote()
    {
        var schema = new OptionSchema([typeof(SampleOptions)], acceptsLlamaFactory: true);
        var file = Yaml("report_to: none\noverwrite_cache: true\ndo_train: true\n");

        new Settings(schema, CommandArguments.Parse([file], schema)).Notes.Should().HaveCount(2).And.OnlyContain(note => note.StartsWith(file, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("ref_model_quantization_bit", "KL is measured from the reference")]
    [InlineData("quantization_bit", "what is trained keeps its own weights")]
    public void Settings_WithQuantisedPolicyOrReference_SayWhyNot(string key, string why)
    {
        var (command, _) = CommandTable.Find(["ppo"]);
        var load = (string value) => new Settings(command.Schema, CommandArguments.Parse([$"--{key}", value], command.Schema), command.Preset);

        load.Invoking(it => it("8")).Should().Throw<GramException>().WithMessage($"command line: '{key}: 8' is refused: {why}*leave it out");
        load.Invoking(it => it("none")).Should().NotThrow();
    }

    [Fact]
    public void Settings_WithLlamaFactoryValueThatIsNotBuilt_SayWhatIs()
    {
        var schema = new OptionSchema([typeof(SampleOptions)], acceptsLlamaFactory: true);
        var file = Yaml("packing: true\n");

        var load = () => new Settings(schema, CommandArguments.Parse([file], schema));

        load.Should().Throw<GramException>().WithMessage($"{file}: 'packing: true' is not built; accepted: false");
    }

    private static OptionSchema Schema() => new([typeof(SampleOptions)]);

    private static Settings Load(params string[] words) => new(Schema(), CommandArguments.Parse(words, Schema()));

    private string Yaml(string text)
    {
        var path = folder.File($"{Guid.NewGuid():N}.yaml");
        File.WriteAllText(path, text);
        return path;
    }
}
