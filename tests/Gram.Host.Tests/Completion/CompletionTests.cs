using System.Diagnostics;
using Gram.Host.Commands;
using Gram.Host.Completion;

namespace Gram.Host.Tests.Completion;

public sealed class CompletionTests
{
    [SkippableTheory]
    [InlineData("gram be", "best-of-n bench")]
    [InlineData("gram demo ", "build")]
    [InlineData("gram demo build --see", "--seed")]
    [InlineData("gram eval rew", "reward-bench")]
    [InlineData("gram completion ", "bash zsh fish pwsh")]
    [InlineData("gram ppo --advant", "--advantage")]
    [InlineData("gram ppo --advantage r", "remax rloo")]
    [InlineData("gram ppo --advantage = r", "remax rloo")]
    [InlineData("gram ppo --seed 3 --json f", "false")]
    [InlineData("gram generate --model", "--model_name_or_path --model_revision --model")]
    [InlineData("gram train --optim adamw_b", "adamw_bnb_8bit")]
    [InlineData("gram ppo --output_dir ", "")]
    [InlineData("gram unknown --", "")]
    public void Bash_OfTypedWords_OffersWhatFits(string typed, string offered)
    {
        Skip.IfNot(File.Exists("/bin/bash"), "there is no bash");
        var script = $$"""
            {{BashCompletion.Script()}}
            COMP_WORDS=({{typed}}{{(typed.EndsWith(' ') ? "\"\"" : "")}})
            COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
            _gram
            echo "${COMPREPLY[*]}"
            """;

        Run("/bin/bash", script).Should().Be(offered);
    }

    [SkippableTheory]
    [InlineData("zsh")]
    [InlineData("fish")]
    public void Script_OfAShellThatIsHere_HasItsSyntax(string shell)
    {
        var path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Select(folder => Path.Combine(folder, shell)).FirstOrDefault(File.Exists);
        Skip.If(path is null, $"there is no {shell}");

        Run(path!, CompletionTable.Shells[shell](), "-n").Should().BeEmpty();
    }

    [Theory]
    [InlineData("bash")]
    [InlineData("zsh")]
    [InlineData("fish")]
    [InlineData("pwsh")]
    public void Script_OfEveryShell_KnowsEveryCommandAndKey(string shell)
    {
        var script = CompletionTable.Shells[shell]();

        foreach (var command in CommandTable.All)
        {
            script.Should().Contain(command.Name);
            foreach (var key in command.Schema.Keys) script.Should().MatchRegex($"(--|-l ){key.Name}\\b");
        }
    }

    [Fact]
    public void Shells_AreThoseThatTheCommandTakes() =>
        CommandTable.Find(["completion"]).Command.Schema.Find(CompletionOptions.ShellKey)!.Allowed.Should().Equal(CompletionTable.Shells.Keys);

    private static string Run(string shell, string script, params string[] options)
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, script);
            using var process = Process.Start(new ProcessStartInfo(shell, [.. options, file]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            var error = process.StandardError.ReadToEndAsync();
            var output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return (output + error.Result).TrimEnd('\n');
        }
        finally
        {
            File.Delete(file);
        }
    }
}
