using System.Text;

namespace Gram.Host.Completion;

/// <summary>PowerShell: a native argument completer over the tables; file names are PowerShell's own where it gives nothing.</summary>
internal static class PowerShellCompletion
{
    private const string Completer = """
        Register-ArgumentCompleter -Native -CommandName gram -ScriptBlock {
            param($word, $line, $cursor)
            $typed = @($line.CommandElements | Select-Object -Skip 1 | Where-Object { $_.Extent.EndOffset -lt $cursor } | ForEach-Object { $_.ToString() })
            $name = @($GramKeys.Keys | Where-Object { "$($typed -join ' ') ".StartsWith("$_ ") })[0]
            $last = if ($typed.Count) { $typed[-1] } else { '' }
            $choices = if ($word.StartsWith('-')) { if ($name) { $GramKeys[$name] } }
            elseif ($last.StartsWith('--') -and $name) { $GramValues["$name $last"] }
            else { $GramWords[$typed -join ' '] }
            foreach ($choice in $choices) {
                $text, $tip = $choice -split "`t", 2
                if ($text.StartsWith($word)) { [System.Management.Automation.CompletionResult]::new($text, $text, 'ParameterValue', $(if ($tip) { $tip } else { $text })) }
            }
        }

        """;

    /// <summary>The script.</summary>
    public static string Script()
    {
        var commands = CompletionTable.Commands;
        var text = new StringBuilder("# PowerShell completion of gram. In $PROFILE:  gram completion pwsh | Out-String | Invoke-Expression\n$GramWords = @{\n");
        Entry("", CompletionTable.FirstWords.Select(first => Described(first.Word, first.Summary)));
        foreach (var group in commands.GroupBy(command => command.NameWords[0]))
        {
            var second = group.SelectMany(command => command.NameWords.Skip(1).Concat(command.Words)).ToList();
            if (second.Count > 0) Entry(group.Key, second.Select(Quoted));
        }
        text.Append("}\n$GramKeys = @{\n");
        foreach (var command in commands) Entry(command.Name, command.Keys.Select(key => Described($"--{key.Name}", key.Description)));
        text.Append("}\n$GramValues = @{\n");
        foreach (var command in commands)
        {
            foreach (var key in command.Keys.Where(key => key.Values.Count > 0)) Entry($"{command.Name} --{key.Name}", key.Values.Select(Quoted));
        }
        return text.Append("}\n").Append(Completer).ToString();

        void Entry(string key, IEnumerable<string> items) => text.Append("    ").Append(Quoted(key)).Append(" = @(").AppendJoin(", ", items).Append(")\n");
    }

    /// <summary>A choice and its tip, parted by a tab.</summary>
    private static string Described(string word, string description) => Quoted($"{word}\t{description}");

    private static string Quoted(string text) => $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";
}
