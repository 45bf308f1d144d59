#:property PublishAot=false

// Loads a judge's server with the pairs of a file, one pair a request, and compares it with `gram judge` on the same pairs.
//
//   dotnet run benchmarks/serve-load.cs -- URL PAIRS.jsonl [CLIENTS] [JUDGE.json]
//
// PAIRS.jsonl: {"prompt", "chosen", "rejected"} or {"prompt", "response_a", "response_b"} a line. CLIENTS (64) ask at the same time, each
// its next pair as soon as it has its answer; a 429 is asked again after Retry-After, and counted. JUDGE.json is what `gram judge --json`
// printed about the same pairs. GRAM_JUDGE_API_KEY is the key, where the server wants one.
// Prints one JSON object: pairs, refused, seconds, pairs_per_s, p50_ms, p90_ms, p99_ms and, with JUDGE.json, offline_pairs_per_s and share.

using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;

if (args.Length is < 2 or > 4 || (args.Length > 2 && !(int.TryParse(args[2], out var given) && given > 0)))
{
    Console.Error.WriteLine("usage: dotnet run benchmarks/serve-load.cs -- URL PAIRS.jsonl [CLIENTS] [JUDGE.json]");
    return 2;
}
var clients = args.Length > 2 ? int.Parse(args[2]) : 64;
using var http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = clients }) { BaseAddress = new Uri(args[0].TrimEnd('/') + "/"), Timeout = TimeSpan.FromMinutes(10) };
if (Environment.GetEnvironmentVariable("GRAM_JUDGE_API_KEY") is { Length: > 0 } key) http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);

var bodies = File.ReadLines(args[1]).Where(line => line.Length > 0).Select(line => JsonNode.Parse(line)!).Select(row => new JsonObject
{
    ["pairs"] = new JsonArray(new JsonObject
    {
        [row["messages"] is null ? "prompt" : "messages"] = (row["messages"] ?? row["prompt"])!.DeepClone(),
        ["response_a"] = (row["chosen"] ?? row["response_a"])!.DeepClone(),
        ["response_b"] = (row["rejected"] ?? row["response_b"])!.DeepClone(),
    }),
}.ToJsonString()).ToList();

var refused = 0;
// The first forward lays the weights out in memory, and a judge keeps its preamble: neither is a request's.
await AskAsync(bodies[0]);
refused = 0;
var waiting = new ConcurrentQueue<string>(bodies);
var times = new ConcurrentBag<double>();
var clock = Stopwatch.StartNew();
await Task.WhenAll(Enumerable.Range(0, clients).Select(async _ =>
{
    while (waiting.TryDequeue(out var body))
    {
        var start = Stopwatch.GetTimestamp();
        await AskAsync(body);
        times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
    }
}));
var seconds = clock.Elapsed.TotalSeconds;

var sorted = times.Order().ToList();
var result = new JsonObject
{
    ["pairs"] = bodies.Count,
    ["clients"] = clients,
    ["refused"] = refused,
    ["seconds"] = Math.Round(seconds, 3),
    ["pairs_per_s"] = Math.Round(bodies.Count / seconds, 2),
    ["p50_ms"] = Percentile(50),
    ["p90_ms"] = Percentile(90),
    ["p99_ms"] = Percentile(99),
};
if (args.Length > 3)
{
    var offline = JsonNode.Parse(File.ReadAllText(args[3]))!["pairs_per_s"]!.GetValue<double>();
    result["offline_pairs_per_s"] = Math.Round(offline, 2);
    result["share"] = Math.Round(bodies.Count / seconds / offline, 3);
}
Console.WriteLine(result.ToJsonString());
return 0;

double Percentile(int percent) => Math.Round(sorted[Math.Min(sorted.Count - 1, (int)Math.Ceiling(sorted.Count * percent / 100.0) - 1)], 1);

async Task AskAsync(string body)
{
    while (true)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var response = await http.PostAsync("v1/compare", content);
        if (response.StatusCode != HttpStatusCode.TooManyRequests)
        {
            var text = await response.Content.ReadAsStringAsync();
            if (!response.IsSuccessStatusCode) throw new HttpRequestException($"{(int)response.StatusCode}: {text}");
            return;
        }
        Interlocked.Increment(ref refused);
        await Task.Delay(response.Headers.RetryAfter?.Delta ?? TimeSpan.FromSeconds(1));
    }
}
