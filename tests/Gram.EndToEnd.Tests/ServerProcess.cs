using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Gram.Reward.Judging;

namespace Gram.EndToEnd.Tests;

/// <summary>A server in a process of its own, once it listens, with a client of it. A test that fails leaves none behind.</summary>
public sealed partial class ServerProcess : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly Process process;
    private readonly ConcurrentQueue<string> output = new(), error = new();
    private readonly TaskCompletionSource<Uri> listening = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task heard;

    private ServerProcess(Process process)
    {
        this.process = process;
        heard = Task.WhenAll(HearAsync(process.StandardOutput, output), HearAsync(process.StandardError, error)); // all the time, or it waits for a reader
        _ = heard.ContinueWith(_ => listening.TrySetException(new InvalidOperationException($"it did not start: {string.Join('\n', output.Concat(error))}")), TaskScheduler.Default);
    }

    /// <summary>A client whose addresses are relative to the server's.</summary>
    public HttpClient Client { get; } = new();

    /// <summary>Where it listens.</summary>
    public Uri Address => Client.BaseAddress!;

    /// <summary>gram serve on a free port.</summary>
    public static Task<ServerProcess> ServeAsync(string workingDirectory, params string[] args) => OfAsync(GramProgram.Start(workingDirectory, ["serve", "--port", "0", .. args]));

    /// <summary>A process that says on standard output or error where it listens.</summary>
    public static async Task<ServerProcess> OfAsync(Process process)
    {
        var server = new ServerProcess(process);
        server.Client.BaseAddress = await server.listening.Task.WaitAsync(Patience);
        return server;
    }

    /// <summary>Sends it a signal: TERM, INT, HUP.</summary>
    public async Task SignalAsync(string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", process.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
    }

    /// <summary>Waits until a line of its standard error holds a text.</summary>
    public async Task SaysAsync(string text)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!error.Any(line => line.Contains(text, StringComparison.Ordinal))) await Task.Delay(20, patience.Token);
    }

    /// <summary>Stops it as its user does, and waits for its end, which must be a good one.</summary>
    public async Task<ProgramRun> StopAsync(string signal = "TERM")
    {
        await SignalAsync(signal);
        return await EndAsync();
    }

    /// <summary>Waits for the end of one that was told to stop, which must be a good one.</summary>
    public async Task<ProgramRun> EndAsync()
    {
        await process.WaitForExitAsync().WaitAsync(Patience);
        await heard;
        var run = new ProgramRun(process.ExitCode, string.Join('\n', output), string.Join('\n', error));
        run.ExitCode.Should().Be(0, run.Error);
        return run;
    }

    /// <summary>Asks gram serve for the score of the first of two answers.</summary>
    public async Task<double> CompareAsync(AnswerPair pair)
    {
        var response = await Client.PostAsJsonAsync(new Uri("v1/compare", UriKind.Relative), new { pairs = new[] { new { prompt = pair.Question, response_a = pair.AnswerA, response_b = pair.AnswerB } } });
        response.StatusCode.Should().Be(HttpStatusCode.OK, await response.Content.ReadAsStringAsync());
        return (await response.Content.ReadFromJsonAsync<JsonObject>())!["results"]![0]!["score_a"]!.GetValue<double>();
    }

    public void Dispose()
    {
        Client.Dispose();
        if (!process.HasExited) process.Kill(entireProcessTree: true);
        process.Dispose();
    }

    private async Task HearAsync(StreamReader from, ConcurrentQueue<string> lines)
    {
        while (await from.ReadLineAsync() is { } line)
        {
            lines.Enqueue(line);
            if (Listening().Match(line) is { Success: true } match) listening.TrySetResult(new Uri(match.Groups[1].Value + "/"));
        }
    }

    [GeneratedRegex("(?: judges on |Now listening on: )(http://[0-9.:]+)")]
    private static partial Regex Listening();
}
