using Gram.Models;

namespace Gram.BestOfN.Tests;

public class TournamentTests
{
    public static TheoryData<string> Methods => new(Tournament.Names);
    public static TheoryData<string> Eliminations => new("linear", "knockout");

    [Fact]
    public async Task Linear_FourAnswers_BestMeetsNextOneByOne()
    {
        var judge = TestJudge.OfNumbers();

        var result = await Rank("linear", judge, "1", "3", "2", "4");

        result.Best.Should().Be(3);
        result.Comparisons.Select(c => (c.A, c.B, c.Round)).Should().Equal((0, 1, 1), (1, 2, 2), (1, 3, 3));
        result.Comparisons[1].ScoreA.Should().BeApproximately(1 / (1 + Math.Exp(-1)), 1e-12);
        // 1 lost in round 3, 2 in round 2, 0 in round 1.
        result.Ranking.Should().Equal(3, 1, 2, 0);
        judge.Batches.Should().OnlyContain(batch => batch.Count == 1).And.HaveCount(3);
    }

    [Fact]
    public async Task Knockout_FiveAnswers_NeighboursMeetAndTheOddOnePasses()
    {
        var judge = TestJudge.OfNumbers();

        var result = await Rank("knockout", judge, "1", "3", "2", "5", "4");

        result.Best.Should().Be(3);
        result.Comparisons.Select(c => (c.A, c.B, c.Round)).Should().Equal((0, 1, 1), (2, 3, 1), (1, 3, 2), (3, 4, 3));
        // 4 lost in round 3, 1 in round 2; in round 1 answer 0 lost by 2 points and answer 2 by 3.
        result.Ranking.Should().Equal(3, 4, 1, 0, 2);
        judge.Batches.Select(batch => batch.Count).Should().Equal(2, 1, 1);
    }

    [Fact]
    public async Task Scores_AreMeansOverAnAnswersComparisons()
    {
        var judge = new TestJudge((a, b) => (a, b) switch { ("x", "y") => 0.25, ("y", "z") => 0.75, _ => double.NaN });

        var result = await Rank("linear", judge, "x", "y", "z");

        result.Scores.Should().Equal(0.25, 0.75, 0.25);
        result.Best.Should().Be(1);
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public async Task Rank_EqualScores_KeepsTheEarlierAnswer(string method)
    {
        var result = await Rank(method, new TestJudge((_, _) => 0.5), "d", "c", "b", "a", "e");

        result.Best.Should().Be(0);
        result.Scores.Should().AllBeEquivalentTo(0.5);
        result.Ranking.Should().OnlyHaveUniqueItems().And.HaveCount(5);
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public async Task Rank_IdenticalAnswers_AreJudgedOnce(string method)
    {
        var judge = TestJudge.OfNumbers();

        var result = await Rank(method, judge, "1", "2", "1", "2", "1");

        result.Comparisons.Should().ContainSingle().Which.Should().Match<Comparison>(c => c.A == 0 && c.B == 1);
        result.Best.Should().Be(1);
        result.Ranking.Should().Equal(1, 3, 0, 2, 4);
        result.Scores[3].Should().Be(result.Scores[1]);
        result.Scores[4].Should().Be(result.Scores[0]);
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public async Task Rank_OneAnswer_NeedsNoJudge(string method)
    {
        var judge = TestJudge.OfNumbers();

        var result = await Rank(method, judge, "7");

        (result.Best, result.Comparisons.Count).Should().Be((0, 0));
        result.Ranking.Should().Equal(0);
        result.Scores.Should().Equal(0.5);
        judge.Batches.Should().BeEmpty();
    }

    [Theory]
    [MemberData(nameof(Eliminations))]
    public async Task Rank_NAnswers_TakesNMinusOneComparisonsAndFindsTheBest(string method)
    {
        for (var n = 1; n <= 20; n++)
        {
            var judge = TestJudge.OfNumbers();
            var answers = Shuffled(n, seed: (ulong)n);

            var result = await Rank(method, judge, answers);

            result.Comparisons.Should().HaveCount(n - 1);
            answers[result.Best].Should().Be($"{n - 1}");
            result.Ranking.Should().BeEquivalentTo(Enumerable.Range(0, n));
            result.Ranking[0].Should().Be(result.Best);
            judge.Batches.Should().HaveCount(method == "linear" ? n - 1 : (int)Math.Ceiling(Math.Log2(n)));
        }
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public async Task Rank_PermutedAnswers_FindsTheSameBest(string method)
    {
        for (var seed = 0UL; seed < 30; seed++)
        {
            var answers = Shuffled(11, seed);
            var result = await Rank(method, TestJudge.OfNumbers(), answers);
            answers[result.Best].Should().Be("10");
        }
    }

    [Theory]
    [MemberData(nameof(Eliminations))]
    public async Task Rank_TransitiveJudge_LoserNeverRanksAboveWhoBeatIt(string method)
    {
        for (var seed = 0UL; seed < 30; seed++)
        {
            var result = await Rank(method, TestJudge.OfNumbers(), Shuffled(9, seed));
            var place = result.Ranking.Select((answer, rank) => (answer, rank)).ToDictionary(x => x.answer, x => x.rank);
            foreach (var (a, b, scoreA, _) in result.Comparisons)
                (place[a] < place[b]).Should().Be(scoreA >= 0.5);
        }
    }

    [Theory]
    [MemberData(nameof(Eliminations))]
    public async Task RankAsync_ManyItems_JudgesEachRoundOfAllAsOneBatchAndKeepsOrder(string method)
    {
        var judge = TestJudge.OfNumbers();
        (string, IReadOnlyList<string>)[] items = [("q0", ["1", "2"]), ("q1", ["9"]), ("q2", ["5", "4", "3", "6"])];

        var results = await Tournament.ByName(method).RankAsync(judge, items);

        results.Select(result => result.Best).Should().Equal(1, 0, 3);
        judge.Batches.Select(batch => batch.Count).Should().Equal(method == "linear" ? [2, 1, 1] : [3, 1]);
        judge.Batches[0].Select(pair => pair.Question).Distinct().Should().Equal("q0", "q2");
    }

    [Fact]
    public async Task RoundRobin_NAnswers_AllMeetInOneRoundAndStrengthsAreTheJudges()
    {
        for (var n = 2; n <= 12; n++)
        {
            var judge = TestJudge.OfNumbers();
            var answers = Shuffled(n, seed: (ulong)n);

            var result = await Rank("round_robin", judge, answers);

            judge.Batches.Should().ContainSingle().Which.Should().HaveCount(n * (n - 1) / 2);
            result.Ranking.Select(i => int.Parse(answers[i])).Should().Equal(Enumerable.Range(0, n).Reverse());
            // The judge's scores are Bradley–Terry's of strengths 0, 1, 2, …, whose mean is (n − 1)/2.
            foreach (var (answer, strength) in answers.Zip(result.Strengths!)) strength.Should().BeApproximately(int.Parse(answer) - ((n - 1) / 2.0), 1e-3);
        }
    }

    [Fact]
    public async Task RoundRobin_PermutedAnswers_RankTheSame()
    {
        // An intransitive judge with scores of its own for each pair.
        static double Score(string a, string b) => string.CompareOrdinal(a, b) < 0 ? Draw(a + b) : 1 - Draw(b + a);
        static double Draw(string pair) => 0.02 + (0.96 * (pair.Aggregate(17u, (hash, letter) => (hash * 31) + letter) % 1000 / 1000.0));
        string[] Order(TournamentResult result, string[] answers) => [.. result.Ranking.Select(i => answers[i])];
        var first = Shuffled(9, seed: 0);
        var expected = Order(await Rank("round_robin", new TestJudge(Score), first), first);
        for (var seed = 1UL; seed < 20; seed++)
        {
            var answers = Shuffled(9, seed);
            Order(await Rank("round_robin", new TestJudge(Score), answers), answers).Should().Equal(expected);
        }
    }

    [Fact]
    public async Task Adaptive_ClearAnswers_FindsTheBestInFewerComparisonsThanRoundRobin()
    {
        const int N = 12;
        for (var seed = 0UL; seed < 20; seed++)
        {
            var answers = Shuffled(N, seed);

            var result = await Rank("adaptive", TestJudge.OfNumbers(), answers);

            answers[result.Best].Should().Be($"{N - 1}");
            result.Comparisons.Select(comparison => (comparison.A, comparison.B)).Should().OnlyHaveUniqueItems().And.HaveCountLessThan(N * (N - 1) / 2);
            result.Confidence.Should().BeInRange(0, 1);
            result.Ranking[0].Should().Be(result.Best);
        }
    }

    [Theory]
    // Prior variance 4 each; the difference is seen as 2 with a noise of 0.25 + (half the orders' disagreement in log-odds)²:
    // mean 2·8/(8 + noise), variance 8·noise/(8 + noise).
    [InlineData(0.0, 0.969697, 0.999959)]
    [InlineData(1.0, 0.864865, 0.951904)]
    public async Task Adaptive_TwoAnswers_PosteriorIsTheNormalOnes(double bias, double strength, double confidence)
    {
        var result = await Rank("adaptive", TestJudge.Biased((a, b) => double.Parse(a) - double.Parse(b), bias), "3", "1");

        result.Strengths![0].Should().BeApproximately(strength, 1e-5);
        result.Strengths[1].Should().BeApproximately(-strength, 1e-5);
        result.Confidence!.Value.Should().BeApproximately(confidence, 1e-5);
    }

    [Fact]
    public async Task Adaptive_MoreConfidence_TakesMoreComparisons()
    {
        async Task<TournamentResult> At(double confidence) => (await new AdaptiveTournament(confidence).RankAsync(TestJudge.OfNumbers(), [("q", Shuffled(10, 3))]))[0];

        var (little, much) = (await At(0.5), await At(0.999));

        little.Comparisons.Count.Should().BeLessThan(much.Comparisons.Count);
        little.Confidence.Should().BeGreaterThanOrEqualTo(0.5);
        (await At(1)).Comparisons.Should().HaveCount(45); // never sure: all meet
    }

    [Fact]
    public async Task Adaptive_JudgeOfTwoMinds_AsksMore()
    {
        static async Task<int> Comparisons(double bias)
        {
            var judge = TestJudge.Biased((a, b) => double.Parse(a) - double.Parse(b), bias);
            return (await new AdaptiveTournament(0.8).RankAsync(judge, [("q", Shuffled(10, 5))]))[0].Comparisons.Count;
        }

        (await Comparisons(bias: 4)).Should().BeGreaterThan(await Comparisons(bias: 0));
    }

    [Fact]
    public async Task RankAsync_ItemWithoutAnswers_NamesTheItem()
    {
        var act = () => new LinearTournament().RankAsync(TestJudge.OfNumbers(), [("q", ["1"]), ("q", [])]);
        (await act.Should().ThrowAsync<GramException>()).WithMessage("item 2 has no answers*");
    }

    [Fact]
    public async Task RankAsync_Cancelled_Stops()
    {
        using var source = new CancellationTokenSource();
        var judge = new TestJudge((_, _) =>
        {
            source.Cancel();
            return 1;
        });

        var act = () => new LinearTournament().RankAsync(judge, [("q", ["1", "2", "3"])], source.Token);

        await act.Should().ThrowAsync<OperationCanceledException>();
        judge.Batches.Should().HaveCount(1);
    }

    [Theory]
    [InlineData("linear", 49_999)]
    [InlineData("knockout", 49_999)]
    [InlineData("round_robin", 1_249_975_000)] // 50,000 · 49,999 is more than an int holds
    [InlineData("adaptive", 1_249_975_000)]
    public void MostComparisons_OfManyAnswers_IsCountedWhole(string method, long expected) => Tournament.ByName(method).MostComparisons(50_000).Should().Be(expected);

    [Fact]
    public void ByName_UnknownMethod_ListsTheKnownOnes()
    {
        var act = () => Tournament.ByName("swiss");
        act.Should().Throw<GramException>().WithMessage("*swiss*linear, knockout, round_robin, adaptive*");
    }

    private static async Task<TournamentResult> Rank(string method, TestJudge judge, params string[] answers) =>
        (await Tournament.ByName(method).RankAsync(judge, [("question", answers)]))[0];

    private static string[] Shuffled(int n, ulong seed)
    {
        var answers = Enumerable.Range(0, n).Select(i => $"{i}").ToArray();
        new RandomSource(seed).Shuffle(answers);
        return answers;
    }
}
