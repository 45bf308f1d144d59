#:property PublishAot=false

// Turns SST-2's sentences into preference pairs for GRAM and prompts for PPO.
//
//   dotnet run examples/sst2/prepare.cs -- FOLDER_WITH_TRAIN_AND_DEV_TSV OUTPUT_FOLDER
//
// Input: train.tsv and dev.tsv, a sentence, a tab, 0 (negative) or 1 (positive) a line.
// Output:
//   train-pairs.jsonl    a positive and a negative sentence; the positive one is preferred
//   dev-pairs.jsonl      the same from the dev sentences
//   all-pairs.jsonl      the same from all training sentences, 6,920 pairs
//   train-prompts.jsonl  "Film review: " and the first four words of a sentence
//   dev-prompts.jsonl
//   judge-prompts.jsonl  1,200 of the same from the judge's half, for samples that it learns from (weak-pairs.cs)
//   gold-sentences.tsv   the second half of the training sentences, for a gold measure that the judge has nothing to do with
// train-pairs come from the first half of the training sentences and the prompts from the second, so that the policy
// continues sentences which a judge of these pairs never read.

using System.Text.Encodings.Web;
using System.Text.Json;

if (args.Length != 2)
{
    Console.Error.WriteLine("usage: dotnet run examples/sst2/prepare.cs -- FOLDER_WITH_TRAIN_AND_DEV_TSV OUTPUT_FOLDER");
    return 2;
}
string[] inputs = [Path.Combine(args[0], "train.tsv"), Path.Combine(args[0], "dev.tsv")];
if (inputs.FirstOrDefault(path => !File.Exists(path)) is { } missing)
{
    Console.Error.WriteLine($"there is no {missing}: the first argument is the folder of SST-2's train.tsv and dev.tsv");
    return 2;
}

var options = new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
var train = Read(inputs[0]);
var dev = Read(inputs[1]);
var random = new Random(11);
var half = train.Count / 2;

Directory.CreateDirectory(args[1]);
Write("train-pairs.jsonl", Pairs(train[..half], 1920));
Write("dev-pairs.jsonl", Pairs(dev, 800));
Write("train-prompts.jsonl", Prompts(train[half..]));
Write("dev-prompts.jsonl", Prompts(dev).Take(128));
Write("judge-prompts.jsonl", Prompts(train[..half]).Take(1200));
Write("all-pairs.jsonl", Pairs(train, train.Count));
File.WriteAllLines(Path.Combine(args[1], "gold-sentences.tsv"), train[half..].Select(row => $"{row.Sentence}\t{(row.Positive ? 1 : 0)}"));
return 0;

static List<(string Sentence, bool Positive)> Read(string path) =>
    [.. File.ReadLines(path).Where(line => line.Length > 0).Select(line => line.Split('\t')).Select(cells => (cells[0].Trim(), cells[1] == "1"))];

IEnumerable<object> Pairs(List<(string Sentence, bool Positive)> sentences, int count)
{
    var positive = sentences.Where(row => row.Positive).Select(row => row.Sentence).ToArray();
    var negative = sentences.Where(row => !row.Positive).Select(row => row.Sentence).ToArray();
    for (var i = 0; i < count; i++)
    {
        if (i % positive.Length == 0) random.Shuffle(positive);
        if (i % negative.Length == 0) random.Shuffle(negative);
        yield return new { prompt = "", chosen = positive[i % positive.Length], rejected = negative[i % negative.Length] };
    }
}

IEnumerable<object> Prompts(List<(string Sentence, bool Positive)> sentences) =>
    from row in sentences
    let words = row.Sentence.Split(' ', StringSplitOptions.RemoveEmptyEntries)
    where words.Length >= 8
    let opening = string.Join(' ', words.Take(4))
    select new { prompt = $"Film review: {opening}", answer_prefix = opening };

void Write(string name, IEnumerable<object> rows)
{
    var lines = rows.Select(row => JsonSerializer.Serialize(row, row.GetType(), options)).ToList();
    File.WriteAllLines(Path.Combine(args[1], name), lines);
    Console.WriteLine($"{lines.Count,6} {name}");
}
