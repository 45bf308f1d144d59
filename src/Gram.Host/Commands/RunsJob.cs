using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Gram.Host.Hosting;
using Gram.Host.Runs;
using Gram.Pipes.Events;
using Gram.Training.Runs;
using Microsoft.Extensions.Configuration;

namespace Gram.Host.Commands;

/// <summary>Keys of <c>runs</c>.</summary>
internal sealed record RunsOptions : IValidatableObject
{
    /// <summary>The key that the command's words set.</summary>
    public const string FoldersKey = "folders";

    [ConfigurationKeyName(FoldersKey), Description("a folder whose runs are listed, or several runs that are compared; the command's words say it too")]
    public IReadOnlyList<string> Folders { get; init; } = ["runs"];

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Folders.Count == 0) yield return new ValidationResult($"{FoldersKey}: name a folder that holds runs, for example gram runs runs");
    }
}

/// <summary>Lists the runs of a folder, or compares several.</summary>
internal sealed class RunsJob(RunsOptions options, IPublisher<Notice> notices) : IJob
{
    public Task<JobResult> RunAsync(CancellationToken cancellationToken) => Task.FromResult(options.Folders.Count > 1 ? Compare() : List(options.Folders[0]));

    private JobResult List(string folder)
    {
        var runs = RunFolder.In(folder, broken => notices.Publish(new Notice(broken, IsWarning: true)));
        return new JobResult(RunReports.Json(runs), runs.Count == 0 ? $"{folder} holds no run" : RunReports.List(runs));
    }

    private JobResult Compare()
    {
        var runs = options.Folders.Select(RunFolder.Read).ToList();
        return new JobResult(RunReports.JsonOfComparison(runs), RunReports.Compare(runs));
    }
}
