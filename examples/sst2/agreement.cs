#:property PublishAot=false
#:project ../../src/Gram.Ppo/Gram.Ppo.csproj
#:project gold/Gram.Examples.FilmReviewGold.csproj

// How far a judge agrees with the gold measure on what a policy writes: the correlation of their log-odds over pairs of samples of one prompt. A judge's accuracy on the sentences of
// critics does not say it. Beside it naive Bayes of the judge's own half of the sentences: what words alone could tell it.
//
//   dotnet run examples/sst2/agreement.cs -- JUDGE PREPARED_SST2 SAMPLES.jsonl...
//
// SAMPLES.jsonl: what align.sh, or gram generate --n 4, wrote.

using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gram.Examples.FilmReviewGold;
using Gram.Models;
using Gram.Ppo.Mathematics;
using Gram.Reward.Judging;
using static TorchSharp.torch;

if (args.Length < 3)
{
    Console.Error.WriteLine("usage: dotnet run examples/sst2/agreement.cs -- JUDGE PREPARED_SST2 SAMPLES.jsonl...");
    return 2;
}

try
{
    CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
    var gold = new FilmReviewGold(File.ReadLines(Path.Combine(args[1], "gold-sentences.tsv")));
    var words = new FilmReviewGold(FilmReviewGold.SentencesOfPairs(Path.Combine(args[1], "train-pairs.jsonl")));
    using var judge = GramJudge.Load(args[0], ScalarType.BFloat16);
    Console.WriteLine("| samples | pairs | judge | words of the judge's half |");
    Console.WriteLine("| --- | --- | --- | --- |");
    foreach (var path in args[2..])
    {
        AnswerPair[] pairs = [.. Rows(path).SelectMany(row => row["responses"]!.AsArray().Select(answer => $"{row["answer_prefix"]}{answer}".Split('\n')[0]).Chunk(2)).Where(two => two.Length == 2).Select(two => new AnswerPair("", two[0], two[1]))];
        var scores = await judge.ScoreAsync(pairs);
        double[] truth = [.. pairs.Select(pair => Difference(gold, pair))];
        Console.WriteLine($"| {Path.GetFileName(path)} | {pairs.Length} | {Correlation.Of([.. scores.Select(score => Math.Log(score.ScoreA / score.ScoreB))], truth):0.00} | {Correlation.Of([.. pairs.Select(pair => Difference(words, pair))], truth):0.00} |");
    }
    return 0;
}
catch (Exception error) when (error is GramException or IOException or JsonException)
{
    Console.Error.WriteLine(error.Message);
    return 2;
}

static double Difference(FilmReviewGold measure, AnswerPair pair) => measure.LogOdds(pair.AnswerA) - measure.LogOdds(pair.AnswerB);

static IEnumerable<JsonNode> Rows(string path) => File.ReadLines(path).Where(line => line.Length > 0).Select(line => JsonNode.Parse(line)!);
