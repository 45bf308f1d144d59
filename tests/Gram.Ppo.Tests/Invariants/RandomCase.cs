using Gram.Models;
using Gram.Models.Generation;
using Gram.Ppo.Records;
using Gram.Ppo.Tests.Support;
using Gram.Reward.Data;
using Gram.Training.Optimisation;

namespace Gram.Ppo.Tests.Invariants;

/// <summary>A rollout of eight responses and the settings of its step, drawn by number: what invariants must hold for.</summary>
internal sealed class RandomCase
{
    public const int Rows = 8;

    private const int Longest = 7; // tokens of a prompt or response

    public RandomCase(int number)
    {
        Random = new RandomSource((ulong)number);
        var advantage = Pick<Advantage>();
        var samples = advantage is Advantage.Rloo or Advantage.Grpo ? 2 : 1 + Random.Next(2);
        Options = StageWorld.Options with
        {
            Advantage = advantage,
            NumSamples = samples,
            ValueModel = Pick<ValueModelKind>(),
            Temperature = 0.5 + Random.NextDouble(),
            KlCoef = Random.NextDouble(),
            KlIn = Random.Next(2) == 0 ? KlIn.Loss : null,
            Gamma = 0.8 + (0.2 * Random.NextDouble()),
            Lam = Random.NextDouble(),
            RewardTransform = Pick<RewardTransform>(),
            PpoScoreNorm = advantage == Advantage.Grpo ? null : Random.Next(2) == 0,
            PpoWhitenRewards = advantage == Advantage.Gae && Random.Next(2) == 0,
            EntropyCoef = Random.Next(2) * 0.1,
            Truncation = new[] { "keep", "mask", "penalty -1" }[Random.Next(3)],
            PerDeviceTrainBatchSize = 1 << Random.Next(4),
            GradientAccumulationSteps = 1,
            LrSchedulerType = LrSchedulerType.Constant,
            WarmupRatio = 0,
        };
        var filtered = Random.Next(2) == 0;
        Responses = [.. Enumerable.Range(0, Rows).Select(row => Row(row / samples, filtered)).OrderBy(row => row.Prompt.Tokens.Length + row.Response.Tokens.Length)];
        Scores = [.. Responses.Select(_ => Random.NextDouble())];
    }

    public RandomSource Random { get; }

    public PpoOptions Options { get; }

    public IReadOnlyList<RolloutRow> Responses { get; }

    /// <summary>The judge's p of each.</summary>
    public double[] Scores { get; }

    public Judgement Judgement => StageWorld.Judge(Responses, Scores);

    /// <summary>Numbers for a theory.</summary>
    public static TheoryData<int> Numbers(int count)
    {
        var data = new TheoryData<int>();
        for (var number = 0; number < count; number++) data.Add(number);
        return data;
    }

    public StageWorld NewWorld() => new(shared: Options.ValueModel == ValueModelKind.Shared);

    private T Pick<T>() where T : struct, Enum => Enum.GetValues<T>()[Random.Next(Enum.GetValues<T>().Length)];

    private RolloutRow Row(int query, bool filtered)
    {
        var vocabulary = TinyPolicy.Config.VocabSize;
        int[] prompt = [.. Enumerable.Range(0, 1 + Random.Next(Longest)).Select(_ => 1 + Random.Next(vocabulary - 1))];
        int[] response = [.. Enumerable.Range(0, 1 + Random.Next(Longest)).Select(_ => 1 + Random.Next(vocabulary - 1))];
        if (Random.Next(3) > 0) response[^1] = TinyPolicy.End;
        int[][]? kept = filtered ? [.. response.Select(token => Enumerable.Range(0, vocabulary).Where(id => id == token || Random.Next(2) == 0).ToArray())] : null;
        return new(new PolicyPrompt(query, new Prompt("a"), "a", prompt), new GeneratedSequence(response, response[^1] == TinyPolicy.End ? ResponseEnd.EndToken : ResponseEnd.Length, new float[response.Length], kept), null, query);
    }
}
