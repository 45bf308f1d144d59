using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gram.Models;

namespace Gram.Host.Hosting;

/// <summary>What a command does, once its options are bound.</summary>
internal interface IJob
{
    /// <summary>Does it. Runs on the device's thread; a cancellation leaves a checkpoint where the job has any.</summary>
    Task<JobResult> RunAsync(CancellationToken cancellationToken);
}

/// <summary>What a job has to say at its end.</summary>
/// <param name="Json">For programs: the one object of --json.</param>
/// <param name="Text">For people: lines of standard output.</param>
/// <param name="Error">Set where the answer itself is that something does not work.</param>
internal sealed record JobResult(JsonObject Json, string Text, GramException? Error = null)
{
    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Whether the job's rows went to standard output, so that the text belongs on standard error.</summary>
    public bool DataOnOutput { get; init; }

    /// <summary>The object in one line.</summary>
    public string JsonLine => Json.ToJsonString(Readable);
}
