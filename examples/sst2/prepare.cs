#:property PublishAot=false

// Turns SST-2's sentences into preference pairs for GRAM and prompts for PPO.
//
//   dotnet run examples/sst2/prepare.cs -- FOLDER_WITH_TRAIN_AND_DEV_TSV OUTPUT_FOLDER
//
// Input: train.tsv and dev.tsv, a sentence, a tab, 0 (negative) or 1 (positive) a line.
// Output:
//   train-pairs.jsonl    a positive and a negative sentence; the positive one is preferred
//   line-pairs.jsonl     the same sentences in other pairs, every second pair cut to 9 to 16 words each: what a policy of 24 tokens writes
//   phrase-pairs.jsonl   lines of 8 to 16 words put together from phrases, 2 to 6 words each, of positive or of negative sentences of that half: what praise
//                        and blame look like in lines that are no sentences of a critic; every second pair begins alike, with four words of a sentence, as answers do
//   dev-pairs.jsonl      the same from the dev sentences
//   all-pairs.jsonl      the same from all training sentences, 6,920 pairs
//   train-prompts.jsonl  "Film review: " and the first four words of a sentence
//   dev-prompts.jsonl
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
Write("all-pairs.jsonl", Pairs(train, train.Count));
random = new Random(12);
Write("line-pairs.jsonl", Pairs(train[..half], 3456, everySecondCut: true));
random = new Random(13);
Write("phrase-pairs.jsonl", PhrasePairs(train[..half], 3456));
File.WriteAllLines(Path.Combine(args[1], "gold-sentences.tsv"), train[half..].Select(row => $"{row.Sentence}\t{(row.Positive ? 1 : 0)}"));
return 0;

static List<(string Sentence, bool Positive)> Read(string path) =>
    [.. File.ReadLines(path).Where(line => line.Length > 0).Select(line => line.Split('\t')).Select(cells => (cells[0].Trim(), cells[1] == "1"))];

IEnumerable<object> Pairs(List<(string Sentence, bool Positive)> sentences, int count, bool everySecondCut = false)
{
    var positive = sentences.Where(row => row.Positive).Select(row => row.Sentence).ToArray();
    var negative = sentences.Where(row => !row.Positive).Select(row => row.Sentence).ToArray();
    for (var i = 0; i < count; i++)
    {
        if (i % positive.Length == 0) random.Shuffle(positive);
        if (i % negative.Length == 0) random.Shuffle(negative);
        yield return new { prompt = "", chosen = Line(positive[i % positive.Length], i), rejected = Line(negative[i % negative.Length], i) };
    }

    string Line(string sentence, int i) => everySecondCut && i % 2 == 1 ? string.Join(' ', sentence.Split(' ').Take(random.Next(9, 17))) : sentence;
}

IEnumerable<object> PhrasePairs(List<(string Sentence, bool Positive)> sentences, int count)
{
    var words = sentences.Select(row => (Words: row.Sentence.Split(' ', StringSplitOptions.RemoveEmptyEntries), row.Positive)).ToList();
    var positive = words.Where(row => row.Positive).Select(row => row.Words).ToArray();
    var negative = words.Where(row => !row.Positive).Select(row => row.Words).ToArray();
    var openings = words.Select(row => row.Words).Where(sentence => sentence.Length >= 8).ToArray();
    for (var i = 0; i < count; i++)
    {
        string[] opening = i % 2 == 1 ? [.. openings[random.Next(openings.Length)].Take(4)] : [];
        yield return new { prompt = "", chosen = Line(opening, positive), rejected = Line(opening, negative) };
    }

    string Line(string[] opening, string[][] from)
    {
        var length = random.Next(8, 17);
        List<string> line = [.. opening];
        while (line.Count < length)
        {
            var sentence = from[random.Next(from.Length)];
            var size = Math.Min(random.Next(2, 7), sentence.Length);
            line.AddRange(sentence.Skip(random.Next(sentence.Length - size + 1)).Take(size));
        }
        return string.Join(' ', line.Take(length));
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
