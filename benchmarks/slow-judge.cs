#:property PublishAot=false

// A judge's server that takes its time and no processor: what a run makes of a wait can be measured beside it on the same machine.
//
//   dotnet run benchmarks/slow-judge.cs -- PORT SECONDS
//
// Speaks what `base_url` needs of a `gram serve` (/v1/judge, /v1/compare), answers each request SECONDS after it came, and prefers the
// longer answer.

using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;

if (args.Length != 2 || !int.TryParse(args[0], out var port) || !double.TryParse(args[1], CultureInfo.InvariantCulture, out var seconds))
{
    Console.Error.WriteLine("usage: dotnet run benchmarks/slow-judge.cs -- PORT SECONDS");
    return 2;
}
using var listener = new HttpListener();
listener.Prefixes.Add($"http://127.0.0.1:{port}/");
listener.Start();
Console.Error.WriteLine($"slow judge on http://127.0.0.1:{port}");
while (true)
{
    var context = await listener.GetContextAsync();
    _ = AnswerAsync(context);
}

async Task AnswerAsync(HttpListenerContext context)
{
    using var response = context.Response;
    JsonNode answer = new JsonObject { ["prompt"] = "{question}\nA: {answer_a}\nB: {answer_b}\nBetter:", ["labels"] = new JsonArray("A", "B"), ["turn_format"] = "{role}: {content}", ["fingerprint"] = "slow" };
    if (context.Request.HttpMethod == "POST")
    {
        var pairs = (await JsonNode.ParseAsync(context.Request.InputStream))!["pairs"]!.AsArray();
        await Task.Delay(TimeSpan.FromSeconds(seconds));
        answer = new JsonObject { ["results"] = new JsonArray([.. pairs.Select(pair => Result(Length(pair, "response_a") - Length(pair, "response_b")))]) };
    }
    response.ContentType = "application/json";
    await response.OutputStream.WriteAsync(System.Text.Encoding.UTF8.GetBytes(answer.ToJsonString()));

    static int Length(JsonNode? pair, string name) => pair![name]!.GetValue<string>().Length;

    static JsonNode Result(int longer)
    {
        var p = 1 / (1 + Math.Exp(-longer / 8.0));
        return new JsonObject { ["p_ab"] = p, ["p_ba"] = p };
    }
}
