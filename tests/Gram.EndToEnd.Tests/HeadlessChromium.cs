using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Gram.EndToEnd.Tests;

/// <summary>Chromium without a screen, told what to do by its DevTools protocol.</summary>
public sealed class HeadlessChromium : IAsyncDisposable
{
    private const string Listening = "DevTools listening on ";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly TemporaryDirectory profile = new();
    private readonly Process process;
    private readonly ClientWebSocket socket = new();
    private readonly SemaphoreSlim sending = new(1);
    private readonly ConcurrentDictionary<int, TaskCompletionSource<JsonObject>> asked = new();
    private readonly ConcurrentQueue<JsonObject> events = new();
    private int lastId;

    private HeadlessChromium(string program)
    {
        var start = new ProcessStartInfo(program, ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0", $"--user-data-dir={profile.Path}", "about:blank"]) { RedirectStandardError = true, RedirectStandardOutput = true };
        process = Process.Start(start)!;
    }

    /// <summary>Where the program is; null where it is not installed (Debian's package is chromium).</summary>
    public static string? Program { get; } = InstalledProgram.Find("chromium");

    /// <summary>Starts it.</summary>
    public static async Task<HeadlessChromium> StartAsync()
    {
        var browser = new HeadlessChromium(Program!);
        using var patience = new CancellationTokenSource(Patience);
        var lines = new List<string>();
        while (await browser.process.StandardError.ReadLineAsync(patience.Token) is { } line)
        {
            lines.Add(line);
            if (!line.StartsWith(Listening, StringComparison.Ordinal)) continue;
            await browser.socket.ConnectAsync(new Uri(line[Listening.Length..]), patience.Token);
            _ = browser.process.StandardError.ReadToEndAsync(CancellationToken.None); // or it waits for a reader
            _ = browser.ListenAsync();
            return browser;
        }
        throw new InvalidOperationException($"chromium did not start: {string.Join('\n', lines)}");
    }

    /// <summary>Opens a file in a window of its own and waits until it is loaded.</summary>
    public async Task<BrowserPage> OpenAsync(string path, int width = 1200, bool dark = false)
    {
        var target = await AskAsync(null, "Target.createTarget", new() { ["url"] = "about:blank" });
        var session = (string)(await AskAsync(null, "Target.attachToTarget", new() { ["targetId"] = (string)target["targetId"]!, ["flatten"] = true }))["sessionId"]!;
        foreach (var domain in (string[])["Page", "Runtime", "Log", "Network"]) await AskAsync(session, $"{domain}.enable", []);
        await AskAsync(session, "Emulation.setDeviceMetricsOverride", new() { ["width"] = width, ["height"] = 800, ["deviceScaleFactor"] = 1, ["mobile"] = width < 600 });
        await AskAsync(session, "Emulation.setEmulatedMedia", new() { ["features"] = new JsonArray(new JsonObject { ["name"] = "prefers-color-scheme", ["value"] = dark ? "dark" : "light" }) });
        await AskAsync(session, "Page.navigate", new() { ["url"] = new Uri(Path.GetFullPath(path)).AbsoluteUri });
        var page = new BrowserPage(this, session);
        using var patience = new CancellationTokenSource(Patience);
        while (!page.Events("Page.loadEventFired").Any()) await Task.Delay(20, patience.Token);
        return page;
    }

    public async ValueTask DisposeAsync()
    {
        socket.Dispose();
        process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
        process.Dispose();
        sending.Dispose();
        profile.Dispose();
    }

    internal IEnumerable<JsonObject> EventsOf(string session) => events.Where(message => (string?)message["sessionId"] == session);

    internal async Task<JsonObject> AskAsync(string? session, string method, JsonObject parameters)
    {
        var answer = new TaskCompletionSource<JsonObject>(TaskCreationOptions.RunContinuationsAsynchronously);
        var id = Interlocked.Increment(ref lastId);
        asked[id] = answer;
        var message = new JsonObject { ["id"] = id, ["method"] = method, ["params"] = parameters };
        if (session is not null) message["sessionId"] = session;
        await sending.WaitAsync();
        try
        {
            await socket.SendAsync(Encoding.UTF8.GetBytes(message.ToJsonString()), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);
        }
        finally
        {
            sending.Release();
        }
        var said = await answer.Task.WaitAsync(Patience);
        return said["error"] is { } error ? throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"{method}: {error["message"]}")) : said["result"]!.AsObject();
    }

    private async Task ListenAsync()
    {
        var (buffer, message) = (new byte[1 << 16], new MemoryStream());
        while (socket.State == WebSocketState.Open)
        {
            try
            {
                var part = await socket.ReceiveAsync(buffer, CancellationToken.None);
                message.Write(buffer, 0, part.Count);
                if (!part.EndOfMessage) continue;
            }
            catch (Exception error) when (error is WebSocketException or ObjectDisposedException or OperationCanceledException)
            {
                return; // it is closed
            }
            var said = JsonNode.Parse(message.ToArray())!.AsObject();
            message.SetLength(0);
            if (said["id"] is { } id && asked.TryRemove((int)id, out var answer)) answer.SetResult(said);
            else events.Enqueue(said);
        }
    }
}

/// <summary>A page that Chromium has open.</summary>
public sealed class BrowserPage(HeadlessChromium browser, string session)
{
    /// <summary>What the page's console has: messages of scripts, errors, and what the browser refused.</summary>
    public IReadOnlyList<string> Console =>
    [
        .. Events("Log.entryAdded").Select(entry => $"{entry["entry"]!["level"]}: {entry["entry"]!["text"]}"),
        .. Events("Runtime.consoleAPICalled").Select(call => $"{call["type"]}: {call["args"]!.ToJsonString()}"),
        .. Events("Runtime.exceptionThrown").Select(thrown => $"exception: {thrown["exceptionDetails"]!["text"]}"),
    ];

    /// <summary>What it asked for, itself included.</summary>
    public IReadOnlyList<string> Requests => [.. Events("Network.requestWillBeSent").Select(sent => (string)sent["request"]!["url"]!)];

    /// <summary>The value of an expression in the page.</summary>
    public async Task<JsonNode?> EvaluateAsync(string expression)
    {
        var said = await browser.AskAsync(session, "Runtime.evaluate", new() { ["expression"] = expression, ["returnByValue"] = true });
        if (said["exceptionDetails"] is { } thrown) throw new InvalidOperationException($"{expression}: {thrown.ToJsonString()}");
        return said["result"]!["value"];
    }

    /// <summary>The rows of a table as they are seen.</summary>
    public async Task<string[][]> RowsAsync(string table) =>
        (await EvaluateAsync($"[...document.querySelectorAll('#{table} tbody tr')].map(row => [...row.cells].map(cell => cell.innerText))"))!.Deserialize<string[][]>()!;

    internal IEnumerable<JsonNode> Events(string method) => browser.EventsOf(session).Where(message => (string?)message["method"] == method).Select(message => message["params"]!);
}
