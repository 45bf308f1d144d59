#:property PublishAot=false

// Turns dialogues of HH-RLHF (Bai et al. 2022) into preference pairs for GRAM.
//
//   dotnet run examples/hh/prepare.cs -- DIALOGUES.jsonl OUTPUT_FOLDER
//
// Input: {"chosen", "rejected"} a line, two dialogues ("\n\nHuman: …\n\nAssistant: …") that differ in their last answer.
// Output, as prompt (the last question), chosen and rejected (the last answers):
//   dev-pairs.jsonl      every tenth dialogue
//   train-pairs.jsonl    the others
// Dialogues that differ before their last answer, or not at all, are left out.

using System.Text.Encodings.Web;
using System.Text.Json;

if (args.Length != 2)
{
    Console.Error.WriteLine("usage: dotnet run examples/hh/prepare.cs -- DIALOGUES.jsonl OUTPUT_FOLDER");
    return 2;
}

const string Human = "\n\nHuman:", Assistant = "\n\nAssistant:";
var options = new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
var pairs = File.ReadLines(args[0]).Where(line => line.Length > 0).Select(Read).OfType<Pair>().ToList();

Directory.CreateDirectory(args[1]);
Write("train-pairs.jsonl", pairs.Where((_, i) => i % 10 != 9));
Write("dev-pairs.jsonl", pairs.Where((_, i) => i % 10 == 9));
return 0;

static Pair? Read(string line)
{
    using var json = JsonDocument.Parse(line);
    var (before, chosen) = Split(json.RootElement.GetProperty("chosen").GetString()!);
    var (same, rejected) = Split(json.RootElement.GetProperty("rejected").GetString()!);
    if (before != same || chosen == rejected) return null;
    var question = before.LastIndexOf(Human, StringComparison.Ordinal);
    return question < 0 ? null : new(before[(question + Human.Length)..].Trim(), chosen, rejected);
}

static (string Before, string Answer) Split(string dialogue)
{
    var last = dialogue.LastIndexOf(Assistant, StringComparison.Ordinal);
    return last < 0 ? (dialogue, "") : (dialogue[..last], dialogue[(last + Assistant.Length)..].Trim());
}

void Write(string name, IEnumerable<Pair> rows)
{
    var lines = rows.Select(row => JsonSerializer.Serialize(new { prompt = row.Prompt, chosen = row.Chosen, rejected = row.Rejected }, options)).ToList();
    File.WriteAllLines(Path.Combine(args[1], name), lines);
    Console.WriteLine($"{lines.Count,6} {name}");
}

internal sealed record Pair(string Prompt, string Chosen, string Rejected);
