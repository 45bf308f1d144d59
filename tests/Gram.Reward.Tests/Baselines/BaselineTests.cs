using System.Text.Json;
using Gram.Models;
using Gram.Pipes.Events;
using Gram.Reward.Baselines;
using Gram.Reward.Judging;
using Gram.Reward.Training;
using Gram.Training.Runs;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Reward.Tests.Baselines;

public sealed class BaselineTests : IDisposable
{
    private readonly TemporaryDirectory folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void LengthRule_CountsCharacters()
    {
        LengthRule.Score("three", "two").ScoreA.Should().Be(1);
        LengthRule.Score("two", "three").ScoreA.Should().Be(0);
        LengthRule.Score("é😀", "ab").ScoreA.Should().Be(0.5, "a character outside the first plane is one");
    }

    /// <summary>One feature, n rows of 1: n·σ(−w) = w, which for n = 2 is w = 0.6748 (solved by bisection below).</summary>
    [Fact]
    public void LogisticRegression_OneFeature_SolvesItsEquation()
    {
        var (low, high) = (0.0, 2.0);
        for (var i = 0; i < 60; i++)
        {
            var middle = (low + high) / 2;
            if (2 / (1 + Math.Exp(middle)) > middle) low = middle;
            else high = middle;
        }

        var weights = LogisticRegression.Fit([([0], [1]), ([0], [1])], 1, penalty: 1);

        weights[0].Should().BeApproximately(low, 1e-8);
    }

    /// <summary>At the minimum the gradient Σ −(1 − p)·x + penalty·w is 0.</summary>
    [Fact]
    public void LogisticRegression_ManyFeatures_EndsWhereTheGradientVanishes()
    {
        var random = new RandomSource(3);
        (int[] Indices, double[] Values)[] rows = [.. Enumerable.Range(0, 60).Select(_ => ((int[])[random.Next(10), 10 + random.Next(10)], (double[])[1 + random.Next(3), -random.NextDouble()]))];

        var weights = LogisticRegression.Fit(rows, 20, penalty: 0.5);

        double[] gradient = [.. weights.Select(weight => 0.5 * weight)];
        foreach (var row in rows)
        {
            var wrong = 1 / (1 + Math.Exp(LogisticRegression.Dot(row, weights)));
            for (var i = 0; i < row.Indices.Length; i++) gradient[row.Indices[i]] -= wrong * row.Values[i];
        }
        gradient.Should().OnlyContain(value => Math.Abs(value) < 1e-6);
    }

    [Fact]
    public async Task BagOfWords_TellingWords_AreLearnedAndUnknownOnesIgnored()
    {
        var judge = new BagOfWords([new("q", "a good film", "a bad film"), new("q", "good acting", "bad acting"), new("q", "Good, good!", "bad.")]);

        var scores = await judge.ScoreAsync([new("q", "GOOD plot", "bad plot"), new("q", "bad plot", "good plot"), new("q", "unseen", "words")]);

        scores[0].ScoreA.Should().BeGreaterThan(0.7);
        scores[1].ScoreA.Should().BeApproximately(1 - scores[0].ScoreA, 1e-12);
        scores[2].ScoreA.Should().Be(0.5);
        scores[0].OrderDisagreement.Should().Be(0);
    }

    /// <summary>SST-2's sentences, of which the floor is known: a bag of words is right on 88.1 % of its pairs, made in another way.</summary>
    [SkippableFact]
    public async Task BagOfWords_OnFilmReviews_ReachesTheKnownFloor()
    {
        var (train, dev) = (Pairs("train")[..2000], Pairs("dev"));

        var scores = await new BagOfWords(train).ScoreAsync(dev);

        scores.Average(score => score.ScoreA > 0.5 ? 1.0 : 0).Should().BeApproximately(0.881, 0.04);

        static AnswerPair[] Pairs(string name)
        {
            var rows = File.ReadLines(Repository.SharedPath("data", "sst2", $"{name}.tsv")).Select(line => line.Split('\t')).ToLookup(cells => cells[1], cells => cells[0]);
            return [.. rows["1"].Zip(rows["0"], (positive, negative) => new AnswerPair("", positive, negative))];
        }
    }

    /// <summary>Differences 0, ln 3 and −ln 3: −log σ is log 2, log 4/3 and log 4.</summary>
    [Fact]
    public void BradleyTerryLoss_HandMade_IsMinusLogSigma()
    {
        using var scope = NewDisposeScope();
        var ln3 = (float)Math.Log(3);

        var losses = BradleyTerryLoss.PerPair(tensor(new[] { 1f, 2 + ln3, 5 }), tensor(new[] { 1f, 2, 5 + ln3 })).data<float>().ToArray();

        losses.Should().HaveCount(3);
        foreach (var (loss, expected) in losses.Zip((double[])[Math.Log(2), Math.Log(4.0 / 3), Math.Log(4)])) loss.Should().BeApproximately((float)expected, 1e-6f);
    }

    [Fact]
    public async Task BradleyTerry_SeparablePreferences_AreLearnedForPairsItHasNotSeen()
    {
        var options = Options() with { MaxSteps = 60, LearningRate = 5e-3 };

        var scores = await Train(options, [.. Enumerable.Range(100, 20).Select(i => new AnswerPair($"question {i}", $"good {i}", $"bad {i}"))]);

        scores.Average(score => score.ScoreA > 0.5 ? 1.0 : 0).Should().BeGreaterThan(0.95);
        scores.Should().OnlyContain(score => score.OrderDisagreement == 0);
        (await Train(options with { MaxSteps = 5 }, [new("q", "good", "bad")])).Should().Equal(await Train(options with { MaxSteps = 5 }, [new("q", "good", "bad")]), "a seed means the same each time");
    }

    [Fact]
    public async Task BradleyTerry_EachStepAndJudging_LeakNoTensors()
    {
        var options = Options() with { MaxSteps = 6, LoggingSteps = 1 };
        List<long> live = [];
        var steps = new EventBroker<StepLogged>();
        using var subscription = steps.Subscribe(_ => live.Add(DisposeScopeManager.Statistics.ThreadTotalLiveCount));

        await new BradleyTerryTrainer(options, steps).TrainAsync(BaselinePairs.Load(options), async head =>
        {
            var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
            await head.ScoreAsync([new("q", "good", "bad"), new("q", "a longer answer", "bad")]);
            (DisposeScopeManager.Statistics.ThreadTotalLiveCount - before).Should().Be(0);
            return 0;
        });

        live.Should().HaveCount(6);
        live.Skip(2).Should().AllBeEquivalentTo(live[2]);
    }

    [Fact]
    public async Task BradleyTerry_AnswerOverTheLimit_LosesItsEnd()
    {
        await new BradleyTerryTrainer(Options() with { MaxSteps = 1, CutoffLen = 64 }).TrainAsync([new("q", "good", "bad")], head =>
        {
            var (whole, cut) = (head.Ids("q", "word"), head.Ids("q", new string('x', 200)));

            cut.Length.Should().Be(64);
            cut[^2..].Should().Equal(whole[^2..], "the turn still ends as the template ends it");
            head.Ids(new string('q', 200), "a").Should().HaveCount(64);
            return Task.FromResult(0);
        });
    }

    [Fact]
    public void BaselinePairs_HeldOutRows_AreThoseOfTheRun()
    {
        var options = Options() with { ValSize = 10 };

        var pairs = BaselinePairs.Load(options);

        var random = new RandomSource(options.Seed);
        var run = Gram.Reward.Encoding.ExampleSource.Load(options, Gram.Models.Tokenization.Tokenizer.Load(options.ModelNameOrPath), random.Fork());
        pairs.Should().HaveCount(30);
        pairs.Should().NotContain(run.EvalPairs).And.HaveCount(run.Train.Count);
    }

    [Fact]
    public void BaselinePairs_PublishedRows_AreReadBackFromTheirPrompt()
    {
        var prompt = new JudgePrompt(GramConfig.Published);
        string Row(string a, string b, string label) => JsonSerializer.Serialize(new { instruction = prompt.Render("Q", a, b).TrimEnd(), input = "", output = label });
        File.WriteAllLines(folder.File("published.jsonl"), [Row("one", "two", "A"), Row("three", "four", "B")]);

        var pairs = BaselinePairs.Load(Options() with { Dataset = [folder.File("published.jsonl")], GramPrompt = null });

        pairs.Should().Equal(new AnswerPair("Q", "one", "two"), new AnswerPair("Q", "four", "three"));
    }

    private async Task<IReadOnlyList<PairScore>> Train(GramTrainingOptions options, AnswerPair[] asked) =>
        await new BradleyTerryTrainer(options).TrainAsync(BaselinePairs.Load(options), async head => await head.ScoreAsync(asked));

    /// <summary>40 pairs whose better answer says so, and a tiny checkpoint.</summary>
    private GramTrainingOptions Options()
    {
        var (model, data) = (folder.File("model"), folder.File("pairs.jsonl"));
        if (!Directory.Exists(model)) TinyCheckpoint.Create(model);
        File.WriteAllLines(data, Enumerable.Range(0, 40).Select(i => JsonSerializer.Serialize(new { prompt = $"question {i}", chosen = $"good {i}", rejected = $"bad {i}" })));
        return new GramTrainingOptions
        {
            ModelNameOrPath = model,
            Dataset = [data],
            GramLoss = true,
            GramPrompt = "{question}\nA: {answer_a}\nB: {answer_b}\nBetter:",
            CutoffLen = 128,
            PerDeviceTrainBatchSize = 8,
            GradientAccumulationSteps = 1,
        };
    }
}
