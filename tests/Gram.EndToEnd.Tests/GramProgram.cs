using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Gram.EndToEnd.Tests;

/// <summary>How a run of the program ended.</summary>
public sealed record ProgramRun(int ExitCode, string Output, string Error)
{
    /// <summary>The object of --json: all of standard output.</summary>
    public JsonObject Json => JsonNode.Parse(Output)!.AsObject();

    /// <summary>Standard error's only line; the test fails where there are more.</summary>
    public string ErrorLine => Error.TrimEnd('\n').Should().NotContain("\n").And.Subject;
}

/// <summary>The program as a user runs it: a process of its own.</summary>
public static class GramProgram
{
    private static readonly string Program = Path.Combine(AppContext.BaseDirectory, "gram.dll");
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(4);

    /// <summary>Runs a command to its end.</summary>
    public static Task<ProgramRun> RunAsync(string workingDirectory, params string[] args) => FinishAsync(Start(workingDirectory, args));

    /// <summary>Runs a command to its end with variables of its own.</summary>
    public static Task<ProgramRun> RunAsync(string workingDirectory, IReadOnlyDictionary<string, string> environment, params string[] args) => FinishAsync(Start(workingDirectory, environment, args));

    /// <summary>Whether mpirun is here.</summary>
    public static bool HasMpi { get; } = Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(folder => File.Exists(Path.Combine(folder, "mpirun")));

    /// <summary>Runs a command to its end in several processes.</summary>
    public static Task<ProgramRun> RunUnderMpiAsync(int processes, string workingDirectory, params string[] args) => FinishAsync(Start(
        "mpirun", ["--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-n", processes.ToString(System.Globalization.CultureInfo.InvariantCulture), "dotnet", Program, .. args], workingDirectory, new Dictionary<string, string>()));

    /// <summary>Starts a command, for a test that does something to it.</summary>
    public static Process Start(string workingDirectory, params string[] args) => Start(workingDirectory, new Dictionary<string, string>(), args);

    // A test run in the background ignores SIGINT, and so would its children.
    private static Process Start(string workingDirectory, IReadOnlyDictionary<string, string> environment, string[] args) =>
        Start("env", ["--default-signal=INT", "dotnet", Program, .. args], workingDirectory, environment);

    private static Process Start(string file, string[] words, string workingDirectory, IReadOnlyDictionary<string, string> environment)
    {
        var start = new ProcessStartInfo(file, words) { WorkingDirectory = workingDirectory, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("GRAM_", StringComparison.Ordinal) && name != "GRAM_LIBTORCH").ToList()) start.Environment.Remove(name);
        start.Environment["GRAM_THREADS"] = "1"; // tiny models: threads would only wait for one another
        start.Environment["HF_HUB_OFFLINE"] = "1"; // a name that is no directory must not leave this machine
        foreach (var (name, value) in environment) start.Environment[name] = value;
        var process = Process.Start(start)!;
        process.StandardInput.Close();
        return process;
    }

    /// <summary>Waits for a process's end.</summary>
    public static async Task<ProgramRun> FinishAsync(Process process)
    {
        using (process)
        {
            using var limit = new CancellationTokenSource(Limit);
            var (output, error) = (process.StandardOutput.ReadToEndAsync(CancellationToken.None), process.StandardError.ReadToEndAsync(CancellationToken.None));
            try
            {
                await process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                process.Kill(entireProcessTree: true);
                throw new TimeoutException($"gram took longer than {Limit}: {await error}");
            }
            return new ProgramRun(process.ExitCode, await output, await error);
        }
    }

    /// <summary>Interrupts a process as Ctrl-C does.</summary>
    public static void Interrupt(Process process)
    {
        using var kill = Process.Start("kill", ["-INT", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }
}
