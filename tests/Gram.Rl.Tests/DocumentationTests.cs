using System.Text.RegularExpressions;

namespace Gram.Rl.Tests;

/// <summary>docs/extending.md shows code: it is code that is compiled.</summary>
public sealed partial class DocumentationTests
{
    [Fact]
    public void Code_OfExtending_StandsInSourceThatIsCompiled()
    {
        var blocks = CodeBlock().Matches(File.ReadAllText(Path.Combine(Repository.Root, "docs", "extending.md"))).Select(match => Lines(match.Groups["code"].Value)).ToList();
        string[] sources = [.. ((string[])["src", "examples", "tests"]).SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*.cs", SearchOption.AllDirectories))
            .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal)).Select(file => Lines(File.ReadAllText(file)))];

        blocks.Should().HaveCountGreaterThan(4);
        foreach (var block in blocks) sources.Should().Contain(source => source.Contains(block, StringComparison.Ordinal), "no file has these lines: {0}", block);
    }

    /// <summary>Lines without their indentation; documentation comments and empty lines left out.</summary>
    private static string Lines(string code) =>
        string.Join('\n', code.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0 && !line.StartsWith("///", StringComparison.Ordinal)));

    [GeneratedRegex(@"^```csharp\n(?<code>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex CodeBlock();
}
