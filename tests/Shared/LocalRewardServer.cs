using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Gram.Tests;

/// <summary>A reward server in this process that speaks OpenRLHF's protocol: a response earns its number of letters h.</summary>
internal sealed class LocalRewardServer : IDisposable
{
    private readonly HttpListener listener = new();

    public LocalRewardServer()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        Address = new Uri($"http://127.0.0.1:{((IPEndPoint)probe.LocalEndpoint).Port}/get_reward");
        probe.Stop();
        listener.Prefixes.Add(new Uri(Address, "/").ToString());
        listener.Start();
        _ = Task.Run(async () =>
        {
            while (listener.IsListening)
            {
                var context = await listener.GetContextAsync();
                _ = Task.Run(() => Answer(context));
            }
        });
    }

    public Uri Address { get; }

    /// <summary>Bodies of the requests, in the order in which they came.</summary>
    public ConcurrentQueue<JsonObject> Requests { get; } = new();

    /// <summary>Answers in the server's place where it returns true, from the request's number: faults.</summary>
    public Func<int, HttpListenerContext, bool> Intercept { get; set; } = (_, _) => false;

    public static void Send(HttpListenerContext context, string body, int status = 200)
    {
        context.Response.StatusCode = status;
        context.Response.Close(Encoding.UTF8.GetBytes(body), willBlock: true);
    }

    public void Dispose() => listener.Close();

    private void Answer(HttpListenerContext context)
    {
        using var reader = new StreamReader(context.Request.InputStream);
        var request = JsonNode.Parse(reader.ReadToEnd())!.AsObject();
        Requests.Enqueue(request);
        if (Intercept(Requests.Count, context)) return;
        var rewards = request["query"]!.AsArray().Zip(request["prompts"]!.AsArray(), (query, prompt) => query!.GetValue<string>()[prompt!.GetValue<string>().Length..].Count(letter => letter == 'h'));
        Send(context, new JsonObject { ["rewards"] = new JsonArray([.. rewards.Select(count => JsonValue.Create(count))]), ["extra_logs"] = new JsonObject() }.ToJsonString());
    }
}
