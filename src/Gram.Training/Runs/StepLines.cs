using System.Text.Json;
using System.Text.Json.Nodes;

namespace Gram.Training.Runs;

/// <summary>Files of a run that hold a line of JSON for each step, or several: trainer_log.jsonl, samples.jsonl.</summary>
public static class StepLines
{
    /// <summary>What a run that goes on after a step keeps of such a file: the lines up to that step, none where it is 0 or there is no file.</summary>
    public static IReadOnlyList<string> UpTo(string path, int step) =>
        step == 0 || !File.Exists(path) ? [] : [.. File.ReadLines(path).TakeWhile(line => StepOf(line) <= step)];

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
