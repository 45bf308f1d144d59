#:property PublishAot=false
#:project gold/Gram.Examples.FilmReviewGold.csproj

// Pairs of lines such as a policy writes, labelled by naive Bayes of the judge's own half of SST-2 (a weak teacher), for the judge's last part of training. The sentences of critics teach
// a judge little about lines of a model of 135M; these do, and the gold measure, which is fitted on the other half, stays unknown to it.
//
//   dotnet run examples/sst2/weak-pairs.cs -- PREPARED_SST2 SAMPLES.jsonl
//
// SAMPLES.jsonl: what gram generate --n 4 wrote for judge-prompts.jsonl. Writes weak-pairs.jsonl into the folder, shuffled:
//   two samples of one prompt;
//   two samples of any prompts, so that the judge sees how far openings go;
//   two lines of 6 to 18 words put together from phrases of the half's sentences: more praise and blame than an untrained policy writes, which a trained one does;
// where the teacher's log-odds are 1.5 apart at least; of the second and third kind as many as of the first.

using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gram.Examples.FilmReviewGold;

if (args.Length != 2)
{
    Console.Error.WriteLine("usage: dotnet run examples/sst2/weak-pairs.cs -- PREPARED_SST2 SAMPLES.jsonl");
    return 2;
}

const double Margin = 1.5;
try
{
    var random = new Random(14);
    var sentences = FilmReviewGold.SentencesOfPairs(Path.Combine(args[0], "train-pairs.jsonl"));
    var teacher = new FilmReviewGold(sentences);
    string[][] samples = [.. Rows(args[1]).Select(row => Responses(row).Select(answer => $"{row["answer_prefix"]}{answer}".Split('\n')[0]).ToArray())];
    string[][] words = [.. sentences.Select(sentence => sentence.Split('\t')[0].Split(' ', StringSplitOptions.RemoveEmptyEntries))];

    var ofOnePrompt = samples.SelectMany(lines => lines.Chunk(2)).Where(two => two.Length == 2).Where(Apart).ToList();
    string[] any = [.. samples.SelectMany(lines => lines)];
    random.Shuffle(any);
    var ofAny = any.Chunk(2).Where(two => two.Length == 2).Where(Apart).Take(ofOnePrompt.Count).ToList();
    List<string[]> ofPhrases = [];
    while (ofPhrases.Count < ofOnePrompt.Count)
    {
        if (new[] { Phrases(), Phrases() } is var two && Apart(two)) ofPhrases.Add(two);
    }

    var options = new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    string[] rows = [.. ofOnePrompt.Concat(ofAny).Concat(ofPhrases).Select(two => two.OrderByDescending(teacher.LogOdds).ToArray())
        .Select(two => JsonSerializer.Serialize(new { prompt = "", chosen = two[0], rejected = two[1] }, options))];
    random.Shuffle(rows);
    File.WriteAllLines(Path.Combine(args[0], "weak-pairs.jsonl"), rows);
    Console.WriteLine($"{rows.Length,6} weak-pairs.jsonl: {ofOnePrompt.Count} of one prompt, {ofAny.Count} of any, {ofPhrases.Count} of phrases");
    return 0;

    bool Apart(string[] two) => Math.Abs(teacher.LogOdds(two[0]) - teacher.LogOdds(two[1])) >= Margin;

    string Phrases()
    {
        var length = random.Next(6, 19);
        List<string> line = [];
        while (line.Count < length)
        {
            var sentence = words[random.Next(words.Length)];
            var size = Math.Min(random.Next(2, 7), sentence.Length);
            line.AddRange(sentence.Skip(random.Next(sentence.Length - size + 1)).Take(size));
        }
        return string.Join(' ', line.Take(length));
    }
}
catch (Exception error) when (error is IOException or JsonException or InvalidDataException)
{
    Console.Error.WriteLine(error.Message);
    return 2;
}

JsonArray Responses(JsonNode row) => row["responses"]?.AsArray() ?? throw new InvalidDataException($"{args[1]}: a row has no responses; make them with gram generate --n 4");

static IEnumerable<JsonNode> Rows(string path) => File.ReadLines(path).Where(line => line.Length > 0).Select(line => JsonNode.Parse(line)!);
