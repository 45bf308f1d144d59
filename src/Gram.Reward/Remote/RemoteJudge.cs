using System.Text.Json;
using Gram.Models;
using Gram.Reward.Judging;

namespace Gram.Reward.Remote;

/// <summary>A judge that is elsewhere: this project's reward server, or a GRAM model behind an OpenAI-compatible chat endpoint.</summary>
public sealed class RemoteJudge : IPairJudge, IDisposable
{
    private readonly ApiClient client;
    private readonly IPairJudge judge;
    private readonly ScoreCache? cache;
    private long asked, known;

    private RemoteJudge(ApiClient client, IPairJudge judge, GramConfig config, string fingerprint, string? cachePath)
    {
        (this.client, this.judge, Config, Fingerprint) = (client, judge, config, fingerprint);
        cache = cachePath is null ? null : new ScoreCache(cachePath, fingerprint);
    }

    /// <summary>Prompt, labels and turn format.</summary>
    public GramConfig Config { get; }

    /// <summary>All that scores depend on beside the pairs, in a short text.</summary>
    public string Fingerprint { get; }

    /// <summary>Pairs that were asked for over the wire.</summary>
    public long Asked => Volatile.Read(ref asked);

    /// <summary>Pairs that the cache knew.</summary>
    public long Known => Volatile.Read(ref known);

    /// <summary>Opens a judge. A reward server is asked what its judge is.</summary>
    /// <exception cref="GramException">It cannot be reached, refuses, its address holds a key, or the cache cannot be opened.</exception>
    public static async Task<RemoteJudge> OpenAsync(RemoteJudgeOptions options, CancellationToken cancellationToken = default)
    {
        var client = new ApiClient(options);
        try
        {
            if (options.Model is not null)
            {
                var text = JsonSerializer.Serialize(new { options.BaseUrl, options.Model, options.Config, Fields = options.RequestFields?.ToJsonString() });
                return new(client, new ChatJudge(client, options), options.Config, JudgeFingerprint.Of(text), options.Cache);
            }
            var server = new ServerJudge(client);
            var (config, fingerprint) = await server.DescribeAsync(cancellationToken);
            // A server that does not know its judge's weights is at least this one, with this prompt.
            return new(client, server, config, JudgeFingerprint.Of(JsonSerializer.Serialize(new { options.BaseUrl, fingerprint, config })), options.Cache);
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    /// <exception cref="GramException">It cannot be reached, or refuses.</exception>
    public ValueTask<IReadOnlyList<PairScore>> ScoreAsync(IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken = default) =>
        new(Task.Run(() => AskAsync(pairs, cancellationToken), cancellationToken)); // requests go on while the caller's thread, a device's say, computes

    /// <inheritdoc/>
    public void Dispose()
    {
        cache?.Dispose();
        client.Dispose();
    }

    private async Task<IReadOnlyList<PairScore>> AskAsync(IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken)
    {
        AnswerPair[] different = [.. pairs.Where(pair => pair.AnswerA != pair.AnswerB).Distinct()];
        var scores = new Dictionary<AnswerPair, PairScore>(cache?.Find(different) ?? new Dictionary<AnswerPair, PairScore>());
        Interlocked.Add(ref known, scores.Count);
        foreach (var part in different.Where(pair => !scores.ContainsKey(pair)).Chunk(PairsPerPart))
        {
            var scored = part.Zip(await judge.ScoreAsync(part, cancellationToken)).ToList();
            cache?.Add(scored); // what is paid for is kept, whatever becomes of the rest
            foreach (var (pair, score) in scored) scores[pair] = score;
            Interlocked.Add(ref asked, part.Length);
        }
        return [.. pairs.Select(pair => scores.GetValueOrDefault(pair, PairScore.Tie))];
    }

    /// <summary>Pairs asked for before the cache takes them.</summary>
    private const int PairsPerPart = 512;
}
