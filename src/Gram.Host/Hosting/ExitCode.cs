using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Training.Runs;

namespace Gram.Host.Hosting;

/// <summary>The program's exit codes, and what standard error says with them.</summary>
internal static class ExitCode
{
    public const int Done = 0;
    public const int Bug = 1;
    public const int UserError = 2;
    public const int Stopped = 3;
    public const int Interrupted = 130;

    /// <summary>The exit code of an error.</summary>
    public static int Of(Exception error) => error switch
    {
        GramException => UserError,
        RunStoppedException => Stopped,
        OperationCanceledException => Interrupted,
        IOException when AtomicFile.IsDiskFull(error) => Stopped,
        UnauthorizedAccessException or DirectoryNotFoundException or FileNotFoundException => UserError,
        _ => Bug,
    };

    /// <summary>One line for what a user can mend or expects, the stack for a bug.</summary>
    public static string Text(Exception error) => Of(error) switch
    {
        Bug => $"a bug in gram: {error}",
        Interrupted => "interrupted",
        _ => error.Message.ReplaceLineEndings(" "),
    };
}
