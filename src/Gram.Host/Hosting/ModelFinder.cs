using Gram.Host.Configuration;
using Gram.Host.Demo;
using Gram.Models.Checkpoints.Hub;
using Gram.Pipes.Events;
using Gram.Ppo;
using Gram.Training.Runs;

namespace Gram.Host.Hosting;

/// <summary>Finds the models that keys name: demo, a directory, or a hub id, which is downloaded where the cache lacks it.</summary>
internal sealed class ModelFinder(IPublisher<StepLogged> steps, IPublisher<Notice> notices)
{
    private const double Megabyte = 1e6;

    /// <summary>A policy's directory.</summary>
    /// <exception cref="Gram.Models.GramException">There is no such model, or it cannot be downloaded.</exception>
    public Task<string> PolicyAsync(string name, CancellationToken cancellationToken) => FindAsync(name, DemoDefaults.PolicyDirectory, cancellationToken);

    /// <summary>A judge's directory.</summary>
    /// <exception cref="Gram.Models.GramException">There is no such model, or it cannot be downloaded.</exception>
    public Task<string> JudgeAsync(string name, CancellationToken cancellationToken) => FindAsync(name, DemoDefaults.JudgeDirectory, cancellationToken);

    /// <summary>A PPO run's settings with the directories of its policy and reference.</summary>
    /// <exception cref="Gram.Models.GramException">There is no such model, or it cannot be downloaded.</exception>
    public async Task<PpoOptions> FindAsync(PpoOptions options, CancellationToken cancellationToken) => options with
    {
        ModelNameOrPath = await PolicyAsync(options.ModelNameOrPath, cancellationToken),
        RefModel = options.RefModel is { } reference ? await PolicyAsync(reference, cancellationToken) : null,
    };

    private async Task<string> FindAsync(string name, string demo, CancellationToken cancellationToken)
    {
        if (name == DemoName.Text) return demo;
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
