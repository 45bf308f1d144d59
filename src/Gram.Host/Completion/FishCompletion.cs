using System.Text;

namespace Gram.Host.Completion;

/// <summary>Fish: a line for each choice, under the condition that it belongs to the command typed.</summary>
internal static class FishCompletion
{
    private const string Head = """
        # Fish completion of gram. In ~/.config/fish/config.fish:  gram completion fish | source
        function __gram_is
            set -l typed (commandline -opc)
            set -e typed[1]
            test (count $typed) -ge (count $argv); and test "$typed[1..$(count $argv)]" = "$argv"
        end
        function __gram_after
            set -l typed (commandline -opc)
            set -e typed[1]
            test "$typed" = "$argv"
        end

        """;

    /// <summary>The script.</summary>
    public static string Script()
    {
        var text = new StringBuilder(Head);
        foreach (var (word, summary) in CompletionTable.FirstWords) text.Append($"complete -c gram -f -n __gram_after -a {Quoted(word)} -d {Quoted(summary)}\n");
        foreach (var command in CompletionTable.Commands)
        {
            if (command.NameWords is [var first, var second]) text.Append($"complete -c gram -f -n '__gram_after {first}' -a {Quoted(second)} -d {Quoted(command.Summary)}\n");
            if (command.Words.Count > 0) text.Append($"complete -c gram -f -n '__gram_after {command.Name}' -a {Quoted(string.Join(' ', command.Words))}\n");
            foreach (var key in command.Keys)
            {
                text.Append($"complete -c gram -n '__gram_is {command.Name}' -l {key.Name} -d {Quoted(key.Description)}");
                text.Append(key.Values.Count > 0 ? $" -x -a {Quoted(string.Join(' ', key.Values))}\n" : " -r\n");
            }
        }
        return text.ToString();
    }

    private static string Quoted(string text) => $"'{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal)}'";
}
