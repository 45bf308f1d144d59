using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gram.Models.Checkpoints;
using Gram.Ppo.Events;

namespace Gram.Ppo.Runs;

/// <summary>samples.jsonl of a run directory. A resumed run keeps the lines up to its step.</summary>
internal sealed class SampleFile : IDisposable
{
    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly StreamWriter writer;

    public SampleFile(string directory, int resumeStep)
    {
        var path = Path.Combine(directory, "samples.jsonl");
        var kept = resumeStep > 0 && File.Exists(path) ? File.ReadLines(path).TakeWhile(line => StepOf(line) <= resumeStep).ToArray() : [];
        AtomicFile.WriteText(path, string.Concat(kept.Select(line => line + "\n")));
        writer = new StreamWriter(path, append: true);
    }

    public void Write(IEnumerable<SampleLine> samples)
    {
        foreach (var sample in samples) writer.WriteLine(JsonSerializer.Serialize(sample, Readable));
        writer.Flush();
    }

    public void Dispose() => writer.Dispose();

    private static int? StepOf(string line)
    {
        try
        {
            return (int?)JsonNode.Parse(line)?["step"];
        }
        catch (JsonException)
        {
            return null; // the line that a killed run was writing
        }
    }
}
