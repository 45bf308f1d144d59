using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using Gram.Host.Completion;
using Gram.Host.Hosting;
using Microsoft.Extensions.Configuration;

namespace Gram.Host.Commands;

/// <summary>The key of <c>completion</c>.</summary>
internal sealed record CompletionOptions
{
    /// <summary>The key that the command's first word sets.</summary>
    public const string ShellKey = "shell";

    [ConfigurationKeyName(ShellKey), Required, Description("the shell; the command's first word says it too"), AllowedValues("bash", "zsh", "fish", "pwsh")]
    public string Shell { get; init; } = "";
}

/// <summary>Prints a shell's completion script.</summary>
internal sealed class CompletionJob(CompletionOptions options) : IJob
{
    public Task<JobResult> RunAsync(CancellationToken cancellationToken)
    {
        var script = CompletionTable.Shells[options.Shell]();
        return Task.FromResult(new JobResult(new JsonObject { ["shell"] = options.Shell, ["script"] = script }, script));
    }
}
