using System.Text.RegularExpressions;
using Gram.Host.Commands;
using Gram.Host.Configuration;

namespace Gram.Host.Tests.Commands;

/// <summary>Command lines that the program and its documentation show: each is one that the program takes.</summary>
public sealed partial class ExampleTests
{
    public static IEnumerable<object[]> Examples => CommandTable.All.Select(command => new object[] { command.Example });

    [Theory]
    [MemberData(nameof(Examples))]
    public void Example_OfEveryCommand_IsTaken(string example) => Load(example);

    [Theory]
    [InlineData("README.md")]
    [InlineData("docs")]
    [InlineData("examples")]
    public void CommandLines_OfTheDocumentation_AreTaken(string place)
    {
        var path = Path.Combine(Repository.Root, place);
        var files = File.Exists(path) ? [path] : Directory.GetFiles(path, "*.md", SearchOption.AllDirectories);

        var lines = files.SelectMany(Lines).ToList();

        lines.Should().NotBeEmpty();
        foreach (var (file, line) in lines)
        {
            var load = () => Load(line);
            load.Should().NotThrow($"{file} shows {line}");
        }
    }

    private static void Load(string line)
    {
        string[] words = [.. Word().Matches(line).Select(match => Quoted().Replace(match.Value, "$1$2"))];
        var (command, rest) = CommandTable.Find(words[1..]);
        var arguments = CommandArguments.Parse(rest, command.Schema, command.Word);
        if (arguments.Help) return;
        if (arguments.File is { } file) arguments = arguments with { File = Path.Combine(Repository.Root, file) };
        if (StageFile.Read(arguments.File) is { } stages)
        {
            command.TakesStages.Should().BeTrue();
            foreach (var stage in stages) Check(new Settings(command.Schema, arguments, command.Preset, stage));
        }
        else
        {
            Check(new Settings(command.Schema, arguments, command.Preset));
        }

        void Check(Settings settings)
        {
            foreach (var options in command.Options) settings.Get(options);
        }
    }

    /// <summary>Lines of code blocks that begin with gram; a backslash joins two. Those with a placeholder, or with a YAML file of the reader's own, are left out.</summary>
    private static IEnumerable<(string File, string Line)> Lines(string file) =>
        from block in CodeBlock().Matches(File.ReadAllText(file))
        from line in block.Groups["code"].Value.Replace("\\\n", " ", StringComparison.Ordinal).Split('\n')
        let match = CommandLine().Match(line)
        where match.Success && !match.Value.Contains('…', StringComparison.Ordinal) && !OwnFile().IsMatch(match.Value) && !match.Value.Contains("--version", StringComparison.Ordinal)
        select (Path.GetFileName(file), match.Value.Trim());

    [GeneratedRegex(@"\s(?!configs/)\S+\.yaml\b")]
    private static partial Regex OwnFile();

    [GeneratedRegex("""(?:[^\s"']|"[^"]*"|'[^']*')+""")]
    private static partial Regex Word();

    [GeneratedRegex("""
        "([^"]*)"|'([^']*)'
        """)]
    private static partial Regex Quoted();

    [GeneratedRegex(@"^```(sh|bash|console)?\n(?<code>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex CodeBlock();

    [GeneratedRegex("""^gram (?:[^#|>&;"']|"[^"]*"|'[^']*')+""")]
    private static partial Regex CommandLine();
}
