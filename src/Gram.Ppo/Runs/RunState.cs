using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Ppo.Mathematics;
using Gram.Ppo.Records;
using Gram.Ppo.Stages;

namespace Gram.Ppo.Runs;

/// <summary>Everything of a run that moves, weights and moments apart: what a resumed run needs to go on bit for bit.</summary>
internal sealed class RunState(ulong seed, PromptOrder order, RandomSource sampling, RandomSource shuffling, LearnerStage learner, KlController kl, RewardNormaliser normaliser)
{
    private const string InFlight = "rollout_in_flight";

    /// <summary>The state, with the next step's rollout where there is one already.</summary>
    public RunSnapshot Save(SavedRollout? inFlight) => new(Save(inFlight is not null), inFlight);

    private JsonObject Save(bool hasRollout) => new()
    {
        ["ppo"] = new JsonObject
        {
            ["seed"] = seed,
            ["prompts"] = order.Count,
            ["prompt_order"] = order.Save(),
            ["sampling"] = RandomState.Save(sampling.State),
            ["shuffling"] = RandomState.Save(shuffling.State),
            ["optimizer_step"] = learner.OptimizerStep,
            ["skipped_in_a_row"] = learner.SkippedInARow,
            ["kl_coef"] = kl.Beta,
            ["reward_count"] = normaliser.Count,
            ["reward_sum_of_squares"] = normaliser.SumOfSquares,
            [InFlight] = hasRollout,
        },
    };

    /// <summary>Takes up a state; returns whether its checkpoint holds the next step's rollout too.</summary>
    /// <exception cref="GramException">The state is not of a PPO run, lacks a part, or is of one with other prompts or another seed.</exception>
    public bool Load(JsonObject state, string checkpoint)
    {
        if (state["ppo"] is not JsonObject ppo) throw new GramException($"{checkpoint}: its trainer_state.json is not of a PPO run; name a checkpoint of one");
        Same("seed", seed);
        Same("prompts", (ulong)order.Count);
        order.Load(Field("prompt_order"));
        sampling.State = RandomState.Load(Field("sampling"));
        shuffling.State = RandomState.Load(Field("shuffling"));
        learner.OptimizerStep = Field("optimizer_step").GetValue<int>();
        learner.SkippedInARow = Field("skipped_in_a_row").GetValue<int>();
        kl.Beta = Field("kl_coef").GetValue<double>();
        normaliser.Count = Field("reward_count").GetValue<long>();
        normaliser.SumOfSquares = Field("reward_sum_of_squares").GetValue<double>();
        return ppo[InFlight]?.GetValue<bool>() ?? false;

        JsonNode Field(string name) => ppo[name] ?? throw new GramException($"{checkpoint}: its trainer_state.json lacks ppo.{name}; name another checkpoint");

        void Same(string name, ulong expected)
        {
            if (Field(name).GetValue<ulong>() is var saved && saved != expected) throw new GramException($"{checkpoint}: was trained with {name} {saved}, this run has {expected}; resume with the settings and data of the checkpoint");
        }
    }
}
