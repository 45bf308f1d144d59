using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Gram.Models.Checkpoints;
using Gram.Ppo.Events;
using Gram.Training.Runs;

namespace Gram.Ppo.Runs;

/// <summary>samples.jsonl of a run directory. A resumed run keeps the lines up to its step. Numbers that are not finite are written as strings, as in the log.</summary>
internal sealed class SampleFile : IDisposable
{
    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    private readonly FileStream file;

    public SampleFile(string directory, int keptStep)
    {
        var path = Path.Combine(directory, "samples.jsonl");
        AtomicFile.WriteText(path, string.Concat(StepLines.UpTo(path, keptStep).Select(line => line + "\n")));
        file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);
    }

    public void Write(IEnumerable<SampleLine> samples) =>
        file.Write(Encoding.UTF8.GetBytes(string.Concat(samples.Select(sample => JsonSerializer.Serialize(sample, Readable) + "\n"))));

    public void Dispose() => file.Dispose();
}
