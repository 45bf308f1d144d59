using System.Text;

namespace Gram.Host.Completion;

/// <summary>Bash: a function that reads the tables, and file names where they have nothing to say.</summary>
internal static class BashCompletion
{
    private const string Function = """
        _gram() {
            local cur=${COMP_WORDS[COMP_CWORD]} key=${COMP_WORDS[COMP_CWORD-1]} choices=
            # Bash parts --key=value into three words.
            if [[ $cur == = ]]; then cur=
            elif [[ $key == = ]]; then key=${COMP_WORDS[COMP_CWORD-2]}
            fi
            if [[ $COMP_CWORD -eq 1 ]]; then choices=$(_gram_words "")
            elif [[ $cur == -* ]]; then choices=$(_gram_keys "${COMP_WORDS[*]:1:2} ")
            else
                if [[ $key == --* ]]; then choices=$(_gram_values "${COMP_WORDS[*]:1:2} " "$key"); fi
                if [[ -z $choices && $COMP_CWORD -eq 2 ]]; then choices=$(_gram_words "${COMP_WORDS[1]}"); fi
            fi
            COMPREPLY=($(compgen -W "$choices" -- "$cur"))
        }
        complete -o default -F _gram gram

        """;

    /// <summary>The script.</summary>
    public static string Script()
    {
        var commands = CompletionTable.Commands;
        var text = new StringBuilder("# Bash completion of gram. In ~/.bashrc:  source <(gram completion bash)\n");
        text.Append("_gram_words() {\n    case \"$1\" in\n");
        Case("\"\"", CompletionTable.FirstWords.Select(first => first.Word));
        foreach (var group in commands.GroupBy(command => command.NameWords[0]))
        {
            var second = group.SelectMany(command => command.NameWords.Skip(1).Concat(command.Words)).ToList();
            if (second.Count > 0) Case($"\"{group.Key}\"", second);
        }
        text.Append("    esac\n}\n_gram_keys() {\n    case \"$1\" in\n");
        foreach (var command in commands) Case($"\"{command.Name} \"*", command.Keys.Select(key => $"--{key.Name}"));
        text.Append("    esac\n}\n_gram_values() {\n    case \"$1$2\" in\n");
        foreach (var command in commands)
        {
            foreach (var key in command.Keys.Where(key => key.Values.Count > 0)) Case($"\"{command.Name} \"*\"--{key.Name}\"", key.Values);
        }
        return text.Append("    esac\n}\n").Append(Function).ToString();

        void Case(string pattern, IEnumerable<string> words) => text.Append("        ").Append(pattern).Append(") echo \"").AppendJoin(' ', words).Append("\" ;;\n");
    }
}
