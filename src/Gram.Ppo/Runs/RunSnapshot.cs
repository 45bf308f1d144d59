using System.Text.Json.Nodes;
using Gram.Ppo.Records;

namespace Gram.Ppo.Runs;

/// <summary>Where a run stands after a step, weights and moments apart.</summary>
/// <param name="State">What trainer_state.json holds.</param>
/// <param name="InFlight">The next step's rollout, where it is made already: its draws are in the state.</param>
internal sealed record RunSnapshot(JsonObject State, SavedRollout? InFlight);
