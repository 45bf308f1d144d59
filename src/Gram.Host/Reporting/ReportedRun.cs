using System.Text.Json;
using System.Xml.Linq;
using Gram.Host.Hosting;
using Gram.Pipes.Events;
using Gram.Ppo;
using Gram.Reward.Training;
using Gram.Training.Parallel;
using Gram.Training.Runs;

namespace Gram.Host.Reporting;

/// <summary>Runs what trains, and leaves a report in its folder however it ends: with a result, by Ctrl-C, or by a guard.</summary>
internal sealed class ReportedRun(Engine engine, IProcessGroup group, IPublisher<Notice> notices)
{
    /// <summary>A PPO run; of several processes the leading one reports.</summary>
    public Task<PpoResult> PpoAsync(string folder, Func<Task<PpoResult>> run) => !group.Leads() ? run() : RunAsync("PPO", folder, run, (log, result) => PpoPage.Sections(folder, log, result));

    /// <summary>A training run.</summary>
    public Task<GramTrainingResult> TrainAsync(GramTrainingOptions options, Func<Task<GramTrainingResult>> run) =>
        RunAsync(options.GramLoss ? "training, stage 2" : "training, stage 1", options.OutputDir, run, TrainPage.Sections);

    private async Task<T> RunAsync<T>(string kind, string folder, Func<Task<T>> run, Func<RunLog, T?, IEnumerable<XElement?>> sections)
        where T : class
    {
        try
        {
            var result = await run();
            Write($"{kind}, finished", result);
            return result;
        }
        catch (Exception stopped) when (stopped is OperationCanceledException or RunStoppedException)
        {
            WriteStopped(stopped is RunStoppedException ? $"{kind}, {stopped.Message.ReplaceLineEndings(" ")}" : $"{kind}, interrupted");
            throw;
        }

        void Write(string ending, T? result)
        {
            var (log, config) = (RunLog.Read(folder), Path.Combine(folder, RunDirectory.ConfigFile));
            new Report(Report.TitleOf(folder), ending, sections(log, result), File.Exists(config) ? File.ReadAllText(config) : null, RunEnvironment.Of(engine)).Write(folder);
        }

        void WriteStopped(string ending)
        {
            try
            {
                Write(ending, null);
                notices.Publish(new Notice($"report: {Report.PathIn(folder)}"));
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException)
            {
                // A full disk may have stopped the run, and cut its last line of samples: what stopped it is what the user is told.
                notices.Publish(new Notice($"{Report.PathIn(folder)} cannot be written: {error.Message}", IsWarning: true));
            }
        }
    }
}
