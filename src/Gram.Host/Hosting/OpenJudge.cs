using Gram.Reward.Judging;
using Gram.Reward.Remote;

namespace Gram.Host.Hosting;

/// <summary>The judge that a command asks, here or elsewhere.</summary>
internal sealed class OpenJudge : IPairJudge, IDisposable
{
    private readonly IPairJudge judge;
    private readonly GramJudge? local;

    /// <summary>A checkpoint in this process, which reasons first where it is told to.</summary>
    public OpenJudge(GramJudge local, RationaleJudge? reasoning, string fingerprint)
    {
        (this.local, Reasoning, Fingerprint) = (local, reasoning, fingerprint);
        judge = reasoning ?? (IPairJudge)local;
        Config = reasoning?.Config ?? local.Config;
    }

    /// <summary>A judge elsewhere.</summary>
    public OpenJudge(RemoteJudge remote) => (judge, Config, Fingerprint) = (remote, remote.Config, remote.Fingerprint);

    /// <summary>Prompt, labels and template.</summary>
    public GramConfig Config { get; }

    /// <summary>All that its scores depend on beside the pairs, in a short text.</summary>
    public string Fingerprint { get; }

    /// <summary>Itself, where it reasons.</summary>
    public RationaleJudge? Reasoning { get; }

    /// <summary>What it takes of this process's memory: weights, and the keys and values of its largest batch.</summary>
    public long Bytes => local?.Bytes ?? 0;

    /// <summary>Pairs whose answers had to be shortened; a judge elsewhere tells nobody.</summary>
    public long Shortened => local?.Shortened ?? 0;

    /// <summary>Whether a pair can be judged at all; a judge elsewhere says so when it is asked.</summary>
    public bool Fits(AnswerPair pair) => Reasoning?.Fits(pair) ?? local?.Fits(pair) ?? true;

    public ValueTask<IReadOnlyList<PairScore>> ScoreAsync(IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken = default) => judge.ScoreAsync(pairs, cancellationToken);

    public void Dispose()
    {
        if (local is not null) local.Dispose();
        else (judge as IDisposable)?.Dispose();
    }
}
