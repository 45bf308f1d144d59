using System.Text;

namespace Gram.Host.Completion;

/// <summary>Zsh: the tables as described choices, file names where they have nothing to say.</summary>
internal static class ZshCompletion
{
    private const string Function = """
        _gram() {
            local -a choices
            local typed="${words[2]} ${words[3]} "
            if (( CURRENT == 2 )); then
                _gram_words ""
                _describe -t commands 'command' choices
            elif [[ ${words[CURRENT]} == --*=* ]]; then
                _gram_values "$typed" "${words[CURRENT]%%=*}"
                compset -P '*='
                if (( $#choices )); then compadd -- $choices; else _files; fi
            elif [[ ${words[CURRENT]} == -* ]]; then
                _gram_keys "$typed"
                _describe -t keys 'key' choices
            else
                [[ ${words[CURRENT-1]} == --* ]] && _gram_values "$typed" "${words[CURRENT-1]}"
                (( $#choices == 0 && CURRENT == 3 )) && _gram_words "${words[2]}"
                if (( $#choices )); then compadd -- $choices; else _files; fi
            fi
        }
        compdef _gram gram

        """;

    /// <summary>The script.</summary>
    public static string Script()
    {
        var commands = CompletionTable.Commands;
        var text = new StringBuilder("#compdef gram\n# Zsh completion of gram. In ~/.zshrc, after compinit:  source <(gram completion zsh)\n");
        text.Append("_gram_words() {\n    case \"$1\" in\n");
        Case("\"\"", CompletionTable.FirstWords.Select(first => Described(first.Word, first.Summary)));
        foreach (var group in commands.GroupBy(command => command.NameWords[0]))
        {
            var second = group.SelectMany(command => command.NameWords.Skip(1).Concat(command.Words)).ToList();
            if (second.Count > 0) Case(Quoted(group.Key), second.Select(Quoted));
        }
        text.Append("    esac\n}\n_gram_keys() {\n    case \"$1\" in\n");
        foreach (var command in commands) Case($"{Quoted(command.Name + " ")}*", command.Keys.Select(key => Described($"--{key.Name}", key.Description)));
        text.Append("    esac\n}\n_gram_values() {\n    case \"$1$2\" in\n");
        foreach (var command in commands)
        {
            foreach (var key in command.Keys.Where(key => key.Values.Count > 0)) Case($"{Quoted(command.Name + " ")}*{Quoted("--" + key.Name)}", key.Values.Select(Quoted));
        }
        return text.Append("    esac\n}\n").Append(Function).ToString();

        void Case(string pattern, IEnumerable<string> items) => text.Append("        ").Append(pattern).Append(") choices=(").AppendJoin(' ', items).Append(") ;;\n");
    }

    /// <summary>A choice with its description, as _describe reads them.</summary>
    private static string Described(string word, string description) => Quoted($"{word.Replace(":", "\\:", StringComparison.Ordinal)}:{description}");

    private static string Quoted(string text) => $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
