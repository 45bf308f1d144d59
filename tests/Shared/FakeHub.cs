using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Gram.Tests;

/// <summary>What a fake hub was asked. Host: hub or store.</summary>
internal sealed record HubRequest(string Host, string Method, string Path, string? Range, string? Authorization);

/// <summary>
/// A server on this machine that answers as the hub does: lists of files, small files behind a redirect to itself, large ones
/// (.safetensors) behind a redirect to a store that is another host, ranges, tokens.
/// </summary>
internal sealed class FakeHub : IDisposable
{
    private readonly HttpListener hub, store;
    private readonly ConcurrentDictionary<string, (string Commit, IReadOnlyDictionary<string, byte[]> Files)> models = new();

    public FakeHub()
    {
        (hub, Endpoint) = Listen(context => AnswerHub(context));
        (store, Store) = Listen(context => AnswerStore(context));
    }

    public Uri Endpoint { get; }

    public Uri Store { get; }

    /// <summary>What was asked, in order.</summary>
    public ConcurrentQueue<HubRequest> Requests { get; } = new();

    /// <summary>The token without which nothing is given; null: everything is public.</summary>
    public string? Token { get; set; }

    /// <summary>Answers in the server's place where it returns true: faults.</summary>
    public Func<HttpListenerContext, bool> Intercept { get; set; } = _ => false;

    /// <summary>Transfers of content, listings and descriptions apart.</summary>
    public IEnumerable<HubRequest> Transfers => Requests.Where(request => request.Method == "GET" && (request.Host == "store" || request.Path.StartsWith("/api/resolve-cache/", StringComparison.Ordinal)));

    /// <summary>Puts a model on its main branch and returns the commit.</summary>
    public string Add(string repository, IReadOnlyDictionary<string, byte[]> files)
    {
        var commit = Convert.ToHexStringLower(Guid.NewGuid().ToByteArray()).PadRight(40, '0');
        models[repository] = (commit, new Dictionary<string, byte[]>(files));
        return commit;
    }

    /// <summary>Puts a directory's files there.</summary>
    public string Add(string repository, string directory) =>
        Add(repository, Directory.GetFiles(directory).ToDictionary(path => Path.GetFileName(path), File.ReadAllBytes));

    /// <summary>The blob's name: SHA-256 of a large file, what git hash-object says of a small one.</summary>
    public static string ETag(string file, byte[] content) => Convert.ToHexStringLower(IsLarge(file)
        ? SHA256.HashData(content)
        : CryptographicOperations.HashData(HashAlgorithmName.SHA1, [.. Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {content.Length}\0")), .. content]));

    /// <summary>Sends a part of a body that was promised longer, then nothing more.</summary>
    public static void Cut(HttpListenerContext context, byte[] content, int count)
    {
        Begin(context, content);
        context.Response.OutputStream.Write(content, From(context.Request), count);
        context.Response.OutputStream.Flush();
        Thread.Sleep(50); // what was written leaves before the connection is reset
        context.Response.Abort();
    }

    /// <summary>Ends a response with a status.</summary>
    public static void Fail(HttpListenerContext context, int status, string? code = null, string? message = null)
    {
        context.Response.StatusCode = status;
        if (code is not null) context.Response.Headers["X-Error-Code"] = code;
        if (message is not null) context.Response.Headers["X-Error-Message"] = message;
        context.Response.Close();
    }

    /// <summary>The byte that a range begins with.</summary>
    public static int From(HttpListenerRequest request) =>
        request.Headers["Range"] is { } range ? int.Parse(range["bytes=".Length..range.IndexOf('-', StringComparison.Ordinal)], CultureInfo.InvariantCulture) : 0;

    public void Dispose()
    {
        hub.Close();
        store.Close();
    }

    private static bool IsLarge(string file) => file.EndsWith(".safetensors", StringComparison.Ordinal);

    private static (HttpListener Listener, Uri Address) Listen(Action<HttpListenerContext> answer)
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        var address = $"http://127.0.0.1:{((IPEndPoint)probe.LocalEndpoint).Port}/";
        probe.Stop();
        var listener = new HttpListener { Prefixes = { address } };
        listener.Start();
        _ = Task.Run(async () =>
        {
            while (listener.IsListening)
            {
                var context = await listener.GetContextAsync();
                _ = Task.Run(() => answer(context));
            }
        });
        return (listener, new Uri(address));
    }

    private void AnswerHub(HttpListenerContext context)
    {
        var (request, response) = (context.Request, context.Response);
        var path = request.Url!.AbsolutePath;
        Requests.Enqueue(new("hub", request.HttpMethod, path, request.Headers["Range"], request.Headers["Authorization"]));
        if (Intercept(context)) return;
        if (Token is not null && request.Headers["Authorization"] != $"Bearer {Token}")
        {
            Fail(context, 401, "RepoNotFound", "Repository not found");
            return;
        }
        // /api/models/ID/revision/REVISION, /ID/resolve/COMMIT/FILE, /api/resolve-cache/models/ID/COMMIT/FILE
        var parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        var isListing = path.StartsWith("/api/models/", StringComparison.Ordinal);
        var isContent = path.StartsWith("/api/resolve-cache/", StringComparison.Ordinal);
        var id = isListing ? string.Join('/', parts[2..^2]) : isContent ? string.Join('/', parts[3..^2]) : string.Join('/', parts[..^3]);
        if (!models.TryGetValue(id, out var model))
        {
            Fail(context, 404, "RepoNotFound", "Repository not found");
            return;
        }
        var revision = Uri.UnescapeDataString(isListing ? parts[^1] : parts[^2]);
        if (revision != "main" && revision != model.Commit)
        {
            Fail(context, 404, "RevisionNotFound", $"Invalid rev id: {revision}");
            return;
        }
        if (isListing)
        {
            var siblings = model.Files.Keys.Select(file => (JsonNode)new JsonObject { ["rfilename"] = file });
            Send(context, Encoding.UTF8.GetBytes(new JsonObject { ["id"] = id, ["sha"] = model.Commit, ["siblings"] = new JsonArray([.. siblings]) }.ToJsonString()));
            return;
        }
        var name = parts[^1];
        if (!model.Files.TryGetValue(name, out var content))
        {
            Fail(context, 404, "EntryNotFound", "Entry not found");
            return;
        }
        response.Headers["X-Repo-Commit"] = model.Commit;
        if (isContent)
        {
            response.Headers["ETag"] = $"W/\"{ETag(name, content)}\"";
            Send(context, content);
            return;
        }
        if (IsLarge(name))
        {
            response.Headers["X-Linked-Etag"] = $"\"{ETag(name, content)}\"";
            response.Headers["X-Linked-Size"] = content.Length.ToString(CultureInfo.InvariantCulture);
            response.Headers["ETag"] = "\"of-the-redirect\"";
        }
        response.StatusCode = IsLarge(name) ? 302 : 307;
        response.Headers["Location"] = IsLarge(name) ? new Uri(Store, $"/{id}/{name}?signature=1").ToString() : $"/api/resolve-cache/models/{id}/{model.Commit}/{name}";
        response.Close();
    }

    private void AnswerStore(HttpListenerContext context)
    {
        var request = context.Request;
        var path = request.Url!.AbsolutePath;
        Requests.Enqueue(new("store", request.HttpMethod, path, request.Headers["Range"], request.Headers["Authorization"]));
        if (Intercept(context)) return;
        if (request.Headers["Authorization"] is not null) Fail(context, 400); // as S3 does of a signed link
        else Send(context, models[string.Join('/', path.Split('/')[1..^1])].Files[Path.GetFileName(path)]);
    }

    private static void Send(HttpListenerContext context, byte[] content)
    {
        var length = Begin(context, content);
        if (context.Request.HttpMethod == "GET") context.Response.OutputStream.Write(content, From(context.Request), length);
        context.Response.Close();
    }

    /// <summary>Promises the content, or the range of it that was asked for; returns its length.</summary>
    private static int Begin(HttpListenerContext context, byte[] content)
    {
        var (from, response, end) = (From(context.Request), context.Response, content.Length);
        if (context.Request.Headers["Range"] is { } range)
        {
            if (int.TryParse(range[(range.IndexOf('-', StringComparison.Ordinal) + 1)..], CultureInfo.InvariantCulture, out var last)) end = last + 1;
            (response.StatusCode, response.Headers["Content-Range"]) = (206, $"bytes {from}-{end - 1}/{content.Length}");
        }
        response.ContentLength64 = end - from;
        return end - from;
    }
}
