using Gram.Host.Configuration;
using Gram.Models;
using Gram.Models.Speed;
using Gram.Models.Transformer;
using Gram.Reward.Judging;
using Gram.Reward.Remote;
using static TorchSharp.torch;

namespace Gram.Host.Hosting;

/// <summary>Opens the judge that keys name: loads a checkpoint, or finds a judge elsewhere.</summary>
internal sealed class JudgeOpener(Engine engine, ModelFinder models)
{
    /// <summary>The judge.</summary>
    /// <param name="options">Which.</param>
    /// <param name="rationale">Whether it reasons first.</param>
    /// <param name="seed">Seed of its rationales.</param>
    /// <param name="dtype">Dtype that a checkpoint computes in; null = the faster one.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="shared">The base of its adapter in memory, which others use too (not owned); null: loaded.</param>
    public async Task<OpenJudge> OpenAsync(JudgeKeys options, RationaleKeys rationale, ulong seed, ScalarType? dtype, CancellationToken cancellationToken, CausalLM? shared = null)
    {
        if (options.Remote.BaseUrl is not null && rationale.Rationale) throw new GramException("rationale: a judge at base_url answers with labels alone; name a checkpoint, or leave it out");
        if (options.Remote.BaseUrl is not null) return new OpenJudge(await RemoteJudge.OpenAsync(options.Remote.Options(options.RewardModel), cancellationToken));
        var location = await models.JudgeAsync(options.RewardModel, options.RewardModelAdapters, cancellationToken);
        var (used, quantize) = (dtype ?? engine.InferenceDType(Workload.Scoring), options.RewardModelQuantizationBit is not null);
        var judge = GramJudge.Load(location, used, engine.Device, quantize: quantize, shared: shared);
        try
        {
            if (!rationale.Rationale && !judge.Fits(new AnswerPair("", "", ""))) throw new GramException($"{options.RewardModel}: the judge prompt alone is longer than the model's context{(File.Exists(Path.Combine(location.FolderOf(GramConfig.FileName), GramConfig.FileName)) ? "" : $"; there is no {GramConfig.FileName}, which a judge has")}");
            return new OpenJudge(judge, rationale.Over(judge, seed), JudgeFingerprint.Of(location, judge.Config, used, quantize));
        }
        catch
        {
            judge.Dispose();
            throw;
        }
    }
}
