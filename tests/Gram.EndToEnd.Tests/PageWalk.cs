using System.Diagnostics;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Gram.EndToEnd.Tests;

/// <summary>
/// The commands of a page of docs/ as its reader gives them: each block of shell runs in bash, in a folder that has what a clone has of
/// configurations. gram, and dotnet run of a project, are what was built; port 5080 is a free one.
/// </summary>
internal sealed partial class PageWalk : IDisposable
{
    /// <summary>Where the pages' servers listen.</summary>
    public const string Address = "http://127.0.0.1:5080";

    private const string FreePort = "http://127.0.0.1:0";

    private readonly TemporaryDirectory home = new();
    private readonly Dictionary<string, string> environment = new() { ["GRAM_THREADS"] = "1", ["OMP_NUM_THREADS"] = "1", ["HF_HUB_OFFLINE"] = "1" };

    /// <summary>Reads a page.</summary>
    /// <param name="page">Its name in docs/.</param>
    public PageWalk(string page)
    {
        Blocks = [.. Shell().Matches(File.ReadAllText(Path.Combine(Repository.Root, "docs", page))).Select(block => block.Groups[1].Value.Trim())];
        Directory.CreateSymbolicLink(home.File("configs"), Path.Combine(Repository.Root, "configs"));
        var run = $"exec env --default-signal=INT '{InstalledProgram.Find("dotnet")}'";
        AddProgram("gram", $"{run} '{Built("gram.dll")}' \"$@\"");
        AddProgram("dotnet", $"""
            case "$*" in
            'run -c Release --project src/Gram.Host -- '*) program='{Built("gram.dll")}' ;;
            'run -c Release --project examples/aspnet -- '*) program='{Built("Gram.Examples.AspNet.dll")}' ;;
            *) echo "no command of a page: dotnet $*" >&2; exit 64 ;;
            esac
            shift 6
            {run} "$program" "$@"
            """);
    }

    /// <summary>The page's blocks of shell, in order.</summary>
    public IReadOnlyList<string> Blocks { get; }

    /// <summary>What every block needs before it: the reader's shell has it.</summary>
    public string Before { get; set; } = "";

    /// <summary>A path in the reader's folder.</summary>
    public string PathOf(string name) => home.File(name);

    /// <summary>Puts a file of lines into the reader's folder.</summary>
    public void Write(string name, params IEnumerable<string> lines)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(PathOf(name))!);
        File.WriteAllLines(PathOf(name), lines);
    }

    /// <summary>Has models' names found at a hub of the test's own.</summary>
    public void Use(FakeHub hub)
    {
        foreach (var (name, value) in (IEnumerable<(string, string)>)[("HF_ENDPOINT", hub.Endpoint.ToString()), ("HF_HOME", home.File("cache")), ("HF_HUB_CACHE", ""), ("HF_HUB_OFFLINE", "0")]) environment[name] = value;
    }

    /// <summary>Runs a block to its end, which must be a good one.</summary>
    public async Task<ProgramRun> RunAsync(string block)
    {
        var run = await GramProgram.FinishAsync(Start(block));
        run.ExitCode.Should().Be(0, $"{block}: {run.Error}");
        return run;
    }

    /// <summary>Runs a block whose last command is a server until that listens. It takes the shell's place, so that signals reach it.</summary>
    public Task<ServerProcess> ServeAsync(string block)
    {
        var lines = block.Replace(Address, FreePort, StringComparison.Ordinal).Split('\n');
        lines[^1] = $"exec {lines[^1]}";
        return ServerProcess.OfAsync(Start(string.Join('\n', [$"export GRAM_URLS={FreePort}", .. lines])));
    }

    /// <summary>Runs a block that asks the page's server, and returns what that answers.</summary>
    public async Task<JsonObject> AskAsync(string block, ServerProcess server)
    {
        block.Should().Contain(Address);
        return (await RunAsync(block.Replace(Address, server.Address.ToString().TrimEnd('/'), StringComparison.Ordinal))).Json;
    }

    public void Dispose() => home.Dispose();

    private Process Start(string script)
    {
        var start = new ProcessStartInfo("bash", ["-c", $"set -e\n{Before}\n{script}"]) { WorkingDirectory = home.Path, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("GRAM_", StringComparison.Ordinal) && name != "GRAM_LIBTORCH").ToList()) start.Environment.Remove(name);
        start.Environment["PATH"] = $"{home.File("bin")}:{start.Environment["PATH"]}";
        foreach (var (name, value) in environment) start.Environment[name] = value;
        return Process.Start(start)!;
    }

    private void AddProgram(string name, string script)
    {
        Directory.CreateDirectory(home.File("bin"));
        File.WriteAllText(home.File($"bin/{name}"), $"#!/bin/sh\n{script}\n");
        using var chmod = Process.Start("chmod", ["+x", home.File($"bin/{name}")]);
        chmod.WaitForExit();
    }

    private static string Built(string file) => Path.Combine(AppContext.BaseDirectory, file);

    [GeneratedRegex("```sh\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Shell();
}
