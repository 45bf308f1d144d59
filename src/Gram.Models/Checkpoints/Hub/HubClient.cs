using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Gram.Models.Checkpoints.Hub;

/// <summary>A revision's files.</summary>
/// <param name="Commit">The commit that the revision means.</param>
/// <param name="Files">Paths in the repository.</param>
internal sealed record HubListing(string Commit, IReadOnlyList<string> Files);

/// <summary>A file of a commit.</summary>
/// <param name="Name">Its path in the repository.</param>
/// <param name="ETag">Name of its blob: SHA-256 of a large file, git's SHA-1 of a small one.</param>
/// <param name="Size">Bytes.</param>
internal sealed record HubFile(string Name, string ETag, long Size);

/// <summary>What the hub is asked over HTTP. Each method is one attempt.</summary>
internal sealed class HubClient(HubSettings settings) : IDisposable
{
    private const int MaxRedirects = 10;

    // Redirects are followed here: only here is known which host may see the token, and which answer describes the file.
    private readonly HttpClient http = new(new SocketsHttpHandler { AllowAutoRedirect = false, ConnectTimeout = TimeSpan.FromSeconds(10) })
    {
        Timeout = Timeout.InfiniteTimeSpan,
        DefaultRequestHeaders =
        {
            UserAgent = { new ProductInfoHeaderValue("gram", typeof(HubClient).Assembly.GetName().Version!.ToString(3)) },
            AcceptEncoding = { new StringWithQualityHeaderValue("identity") }, // sizes and ranges are of the file itself
        },
    };

    /// <summary>The commit and the files of a revision.</summary>
    /// <exception cref="GramException">There is no such model or revision, or it may not be read.</exception>
    /// <exception cref="HubUnreachableException">The hub cannot be reached now.</exception>
    public async Task<HubListing> ListAsync(HubId id, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(HttpMethod.Get, $"api/models/{id.Repository}/revision/{Uri.EscapeDataString(id.Revision)}", id, range: null, cancellationToken);
        var text = await StepAsync(response.Content.ReadAsStringAsync, cancellationToken);
        try
        {
            var json = JsonNode.Parse(text);
            var files = json?["siblings"]?.AsArray().Select(file => file?["rfilename"]?.GetValue<string>()).OfType<string>().ToList();
            if (files is not null && json!["sha"]?.GetValue<string>() is { } commit && HubId.IsCommit(commit)) return new(commit, files);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // Some other server's page: no better than JSON without the two keys.
        }
        throw NotAHub("its list of files lacks sha or siblings");
    }

    /// <summary>ETag and size of a file.</summary>
    /// <exception cref="GramException">There is no such file, or it may not be read.</exception>
    /// <exception cref="HubUnreachableException">The hub cannot be reached now.</exception>
    public async Task<HubFile> DescribeAsync(HubId id, string commit, string file, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(HttpMethod.Head, Resolve(id, commit, file), id, range: null, cancellationToken);
        if (Header("X-Repo-Commit") is { } answered && answered != commit) throw NotAHub($"asked for {file} of commit {commit}, it gives that of {answered}");
        // A large file is a redirect to its store: the X-Linked headers speak of the file there, the others of the redirect.
        var etag = Header("X-Linked-Etag") ?? Header("ETag") ?? "";
        etag = (etag.StartsWith("W/", StringComparison.Ordinal) ? etag[2..] : etag).Trim('"');
        var size = long.TryParse(Header("X-Linked-Size"), NumberStyles.None, CultureInfo.InvariantCulture, out var linked) ? linked
            : IsRedirect(response) ? null
            : response.Content.Headers.ContentLength;
        var isFileName = etag.Length > 0 && etag.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_');
        return isFileName && size is { } bytes ? new(file, etag, bytes) : throw NotAHub($"{file} comes without an ETag or a size");

        string? Header(string name) => response.Headers.TryGetValues(name, out var values) ? values.First() : null;
    }

    /// <summary>A file's content from a byte on, up to another where one is named; the caller disposes it.</summary>
    /// <exception cref="GramException">It may not be read.</exception>
    /// <exception cref="HubUnreachableException">The hub cannot be reached now.</exception>
    public Task<HttpResponseMessage> OpenAsync(HubId id, string commit, string file, long from, long? end, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Get, Resolve(id, commit, file), id, from > 0 || end is not null ? new(from, end - 1) : null, cancellationToken);

    /// <summary>One wait for the network, of bounded length.</summary>
    /// <exception cref="HubUnreachableException">The connection is gone, or nothing came.</exception>
    public async Task<T> StepAsync<T>(Func<CancellationToken, Task<T>> step, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(settings.Patience);
        try
        {
            return await step(limit.Token);
        }
        catch (Exception error) when (error is HttpRequestException or IOException)
        {
            throw Lost(error.GetBaseException().Message.TrimEnd('.'), error);
        }
        catch (OperationCanceledException error) when (!cancellationToken.IsCancellationRequested)
        {
            throw Lost($"nothing came for {settings.Patience.TotalSeconds:0} seconds", error);
        }
    }

    /// <summary>The error of a connection that ended before its time.</summary>
    public HubUnreachableException Lost(string how, Exception? cause = null) =>
        new($"the connection to {settings.Endpoint.GetLeftPart(UriPartial.Authority)} failed ({how}): check the network, HF_ENDPOINT and HTTPS_PROXY", cause);

    /// <inheritdoc/>
    public void Dispose() => http.Dispose();

    private static string Resolve(HubId id, string commit, string file) => $"{id.Repository}/resolve/{commit}/{Uri.EscapeDataString(file)}";

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, HubId id, RangeHeaderValue? range, CancellationToken cancellationToken)
    {
        var address = new Uri(settings.Endpoint, path);
        for (var redirects = 0; redirects <= MaxRedirects; redirects++)
        {
            using var request = new HttpRequestMessage(method, address);
            request.Headers.Range = range;
            if (settings.Token is { } token && settings.IsHub(address)) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            var response = await StepAsync(limit => http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit), cancellationToken);
            if (response.IsSuccessStatusCode || response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable) return response;
            if (!IsRedirect(response))
            {
                using (response) throw HubErrors.Of(response, id, settings);
            }
            var next = new Uri(address, response.Headers.Location!);
            if (method == HttpMethod.Head && !settings.IsHub(next)) return response;
            response.Dispose();
            if (address.Scheme == Uri.UriSchemeHttps && next.Scheme != Uri.UriSchemeHttps) throw NotAHub($"it redirects to {next.GetLeftPart(UriPartial.Authority)}, which is not encrypted");
            address = next;
        }
        throw NotAHub($"it redirects more than {MaxRedirects} times");
    }

    private static bool IsRedirect(HttpResponseMessage response) => (int)response.StatusCode is 301 or 302 or 303 or 307 or 308 && response.Headers.Location is not null;

    private GramException NotAHub(string what) => new($"{settings.Endpoint} does not answer as a hub does: {what}; check HF_ENDPOINT");
}
