using Gram.Host.Configuration;
using Gram.Host.Demo;
using Gram.Models;
using Gram.Models.Checkpoints.Hub;
using Gram.Models.Transformer;
using Gram.Models.Transformer.Lora;
using Gram.Pipes.Events;
using Gram.Ppo;
using Gram.Reward.Training;
using Gram.Training.Adapters;
using Gram.Training.Runs;

namespace Gram.Host.Hosting;

/// <summary>Finds the models that keys name: demo, a directory, or a hub id, which is downloaded where the cache lacks it.</summary>
internal sealed class ModelFinder(IPublisher<StepLogged> steps, IPublisher<Notice> notices)
{
    private const double Megabyte = 1e6;

    /// <summary>The directory of a policy that is trained or measured: a whole model.</summary>
    /// <exception cref="GramException">There is no such model, it cannot be downloaded, or it is an adapter.</exception>
    public async Task<string> PolicyAsync(string name, CancellationToken cancellationToken)
    {
        var directory = await FindAsync(name, DemoDefaults.PolicyDirectory, cancellationToken);
        return LoraConfig.IsAdapter(directory)
            ? throw new GramException($"{name} is an adapter, where a whole model is needed: merge it into its base first (gram export), or train the adapter further (finetuning_type: lora)")
            : directory;
    }

    /// <summary>A policy that only answers.</summary>
    /// <inheritdoc cref="LocateAsync" path="/exception"/>
    public Task<ModelLocation> PolicyAsync(string name, string? adapter, CancellationToken cancellationToken) =>
        LocateAsync(name, adapter, DemoDefaults.PolicyDirectory, ("model_name_or_path", "adapter_name_or_path"), cancellationToken);

    /// <summary>A judge.</summary>
    /// <inheritdoc cref="LocateAsync" path="/exception"/>
    public Task<ModelLocation> JudgeAsync(string name, string? adapter, CancellationToken cancellationToken) =>
        LocateAsync(name, adapter, DemoDefaults.JudgeDirectory, ("reward_model", "reward_model_adapters"), cancellationToken);

    /// <summary>A PPO run's settings with the directories of its policy, the adapter that it goes on with and the reference; and the policy's name for others.</summary>
    /// <inheritdoc cref="LocateAsync" path="/exception"/>
    public async Task<(PpoOptions Options, string BaseName)> FindAsync(PpoOptions options, CancellationToken cancellationToken)
    {
        var (location, baseName) = await TrainedAsync(options.ModelNameOrPath, options.FinetuningType, options.Lora, cancellationToken);
        return (options with
        {
            ModelNameOrPath = location.Directory,
            Lora = options.Lora with { AdapterNameOrPath = location.Adapter },
            RefModel = options.RefModel is { } reference ? await FindAsync(reference, DemoDefaults.PolicyDirectory, cancellationToken) : null,
        }, baseName);
    }

    /// <summary>A training run's settings with the directories of its model and of the adapter that it goes on with; and the whole model's name for others.</summary>
    /// <inheritdoc cref="LocateAsync" path="/exception"/>
    public async Task<(GramTrainingOptions Options, string BaseName)> FindAsync(GramTrainingOptions options, CancellationToken cancellationToken)
    {
        var (location, baseName) = await TrainedAsync(options.ModelNameOrPath, options.FinetuningType, options.Lora, cancellationToken);
        return (options with { ModelNameOrPath = location.Directory, Lora = options.Lora with { AdapterNameOrPath = location.Adapter } }, baseName);
    }

    /// <summary>A model that is trained: whole, or through an adapter over it.</summary>
    private async Task<(ModelLocation Location, string BaseName)> TrainedAsync(string name, FinetuningType type, LoraOptions lora, CancellationToken cancellationToken)
    {
        if (type == FinetuningType.Full)
        {
            if (lora.AdapterNameOrPath is { } unused) throw new GramException($"adapter_name_or_path: {unused} is an adapter, and finetuning_type: full trains a whole model: set finetuning_type: lora, or merge it first (gram export)");
            return (new(await PolicyAsync(name, cancellationToken)), name);
        }
        var location = await PolicyAsync(name, lora.AdapterNameOrPath, cancellationToken);
        // An adapter that stands for the model names the base itself.
        var isAdapter = lora.AdapterNameOrPath is null && location.Adapter is not null;
        return (location, name == DemoName.Text ? location.Directory : isAdapter ? LoraConfig.Read(location.Adapter!).BaseName! : name);
    }

    /// <summary>A model with the adapter that is named; without one, an adapter stands for the base that its configuration names.</summary>
    /// <exception cref="GramException">There is no such model or adapter, it cannot be downloaded, or an adapter is named as the base of another.</exception>
    private async Task<ModelLocation> LocateAsync(string name, string? adapter, string demo, (string Model, string Adapter) keys, CancellationToken cancellationToken)
    {
        if (adapter?.Contains(',', StringComparison.Ordinal) == true) throw new GramException($"{keys.Adapter}: {adapter} names several adapters; one can go over a model: merge the others into it first (gram export)");
        var directory = await FindAsync(name, demo, cancellationToken);
        if (adapter is not null) return ModelLocation.Of(directory, await ResolveAsync(adapter, cancellationToken));
        if (!LoraConfig.IsAdapter(directory)) return new ModelLocation(directory);
        var config = LoraConfig.Read(directory);
        try
        {
            return new ModelLocation(await ResolveAsync(config.BaseName ?? throw new GramException("it is missing"), cancellationToken), directory);
        }
        catch (GramException error)
        {
            throw new GramException($"{Path.Combine(directory, LoraConfig.FileName)}: base_model_name_or_path: {error.Message}; or name the base as {keys.Model}, the adapter as {keys.Adapter}", error);
        }
    }

    private async Task<string> FindAsync(string name, string demo, CancellationToken cancellationToken) =>
        name == DemoName.Text ? demo : await ResolveAsync(name, cancellationToken);

    private async Task<string> ResolveAsync(string name, CancellationToken cancellationToken)
    {
        var source = new ModelSource { Progress = Report, Note = text => notices.Publish(new Notice(text)) };
        return await Task.Run(() => source.ResolveAsync(name, cancellationToken), cancellationToken); // the device's thread has no part in it
    }

    private void Report(DownloadProgress download)
    {
        var rate = (download.Received - download.Before) / Megabyte / download.Elapsed.TotalSeconds;
        steps.Publish(new StepLogged("MB downloaded", Megabytes(download.Received), Megabytes(download.Total), new Dictionary<string, double> { ["mb_per_s"] = rate })
        {
            StepsBefore = Megabytes(download.Before),
            Elapsed = download.Elapsed,
        });
    }

    private static int Megabytes(long bytes) => (int)Math.Ceiling(bytes / Megabyte);
}
