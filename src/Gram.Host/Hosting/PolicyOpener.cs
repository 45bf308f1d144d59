using Gram.Host.Configuration;
using Gram.Reward.Remote;

namespace Gram.Host.Hosting;

/// <summary>Opens the model that keys name to answer prompts: loads a checkpoint, or finds one that is served elsewhere.</summary>
internal sealed class PolicyOpener(Engine engine, ModelFinder models)
{
    /// <summary>The model.</summary>
    public async Task<IPolicy> OpenAsync(ModelOptions options, CancellationToken cancellationToken) => options.Remote.Url is null
        ? new TextModel(await models.PolicyAsync(options.ModelNameOrPath, options.AdapterNameOrPath, cancellationToken), options, engine)
        : new RemotePolicy(await RemoteGenerator.OpenAsync(options.Remote.Options(options), cancellationToken));
}
