using Gram.Models;
using Gram.Models.Generation;
using Gram.Models.Transformer;
using Gram.Pipes.Events;
using Gram.Ppo.Mathematics;
using Gram.Ppo.Records;
using Gram.Ppo.Stages;
using Gram.Reward.Data;
using Gram.Reward.Judging;
using Gram.Training.Optimisation;
using Gram.Training.Parallel;
using Gram.Training.Runs;

namespace Gram.Ppo.Tests.Support;

/// <summary>A tiny policy, its frozen reference and a value model with a head that is not 0, for tests of single stages.</summary>
internal sealed class StageWorld : IDisposable
{
    public StageWorld(bool shared = false)
    {
        Policy = TinyPolicy.Create(seed: 1);
        Reference = TinyPolicy.Create(seed: 2);
        Value = shared ? ValueModel.Shared(Policy) : ValueModel.Separate(TinyPolicy.Create(seed: 3));
        using var noGrad = TorchSharp.torch.no_grad();
        Value.Parameters["value_head.weight"].fill_(0.1);
    }

    public CausalLM Policy { get; }

    public CausalLM Reference { get; }

    public ValueModel Value { get; }

    public List<Notice> Notices { get; } = [];

    public static PpoOptions Options { get; } = new() { ModelNameOrPath = "tiny", PerDeviceTrainBatchSize = 2, GradientAccumulationSteps = 2, PpoBufferSize = 1, MaxNewTokens = 8, PpoScoreNorm = false };

    /// <summary>A response by hand; it ends where its last token is the end token.</summary>
    public static RolloutRow Row(int[] prompt, int[] response, int query = 0) => new(
        new PolicyPrompt(0, new Prompt("a"), "a", prompt),
        new GeneratedSequence(response, response[^1] == TinyPolicy.End ? ResponseEnd.EndToken : ResponseEnd.Length, new float[response.Length]),
        null, query);

    /// <summary>A judged rollout with these scores p.</summary>
    public static Judgement Judge(IReadOnlyList<RolloutRow> rows, params double[] scores) =>
        new(new Rollout(1, rows, 0), [.. scores.Select(p => new Verdict("x", "y", new PairScore(p, p), false, p))], rows.Count);

    public static IReadOnlyList<RolloutRow> Rows { get; } =
    [
        Row([2, 3], [4, 0]),
        Row([5], [6, 7, 0]),
        Row([2, 3, 4], [8, 9, 2, 0]),
        Row([9, 8, 7], [6, 5, 4, 3, 2, 1]),
    ];

    public ScoredRollout Score(Judgement judgement, PpoOptions options, int padToken = TinyPolicy.End) =>
        new TokenScoringStage(Policy, Reference, options.Advantage == Advantage.Gae ? Value : null, options, padToken, SoleProcess.Instance).Score(judgement.Rollout);

    /// <summary>Token scores, rewards and advantages of a judged rollout.</summary>
    public Experience Credit(Judgement judgement, PpoOptions options, int padToken = TinyPolicy.End) => Credit(new JudgedRollout(Score(judgement, options, padToken), judgement), options);

    public static Experience Credit(JudgedRollout rollout, PpoOptions options) =>
        new RewardStage(options, new KlController(options.KlCoef, options.PpoTarget, options.KlHorizon), new RewardNormaliser()).Credit(rollout);

    /// <summary>A learner over the world's models, whose optimisers it owns.</summary>
    public Learner NewLearner(PpoOptions options, int totalSteps = 1) => new(this, options, totalSteps);

    public void Dispose()
    {
        Policy.Dispose();
        Reference.Dispose();
        Value.Dispose();
    }

    internal sealed class Learner : IDisposable
    {
        private readonly AdamW policyOptimizer, valueOptimizer;

        public Learner(StageWorld world, PpoOptions options, int totalSteps)
        {
            world.Policy.SetTrainable(true);
            world.Value.SetTrainable(true);
            var adam = new AdamWOptions { Beta2 = 0.95, MaxGradNorm = 0, Epsilon = options.AdamEpsilon };
            (policyOptimizer, valueOptimizer) = (new AdamW(world.Policy.Parameters, adam), new AdamW(world.Value.Parameters, adam));
            var notices = new EventBroker<Notice>();
            notices.Subscribe(world.Notices.Add);
            Stage = new LearnerStage(world.Policy, policyOptimizer, options.Advantage == Advantage.Gae ? (world.Value, valueOptimizer) : null, options, totalSteps, new RandomSource(1), notices, SoleProcess.Instance);
        }

        public LearnerStage Stage { get; }

        public void Dispose()
        {
            policyOptimizer.Dispose();
            valueOptimizer.Dispose();
        }
    }
}
