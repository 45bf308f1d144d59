using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Ppo.Records;

namespace Gram.Ppo.Stages;

/// <summary>The order in which a run takes its prompts: all of them, shuffled, then all again in another order.</summary>
/// <param name="prompts">The run's prompts.</param>
/// <param name="random">Shuffles; owned.</param>
public sealed class PromptOrder(IReadOnlyList<PolicyPrompt> prompts, RandomSource random)
{
    private ulong[] epochStart = random.State;
    private int[] order = [];
    private int position;

    /// <summary>Prompts of the run.</summary>
    public int Count => prompts.Count;

    /// <summary>The prompts of the next step.</summary>
    public PromptBatch Next(int step, int count) => new(step, [.. Enumerable.Range(0, count).Select(_ => Next())]);

    /// <summary>Where the order stands: the generator at the epoch's start, and the position in the epoch.</summary>
    public JsonObject Save() => new() { ["epoch_start"] = RandomState.Save(epochStart), ["position"] = order.Length == 0 ? -1 : position };

    /// <summary>Goes on where <see cref="Save"/> stood.</summary>
    public void Load(JsonNode state)
    {
        random.State = RandomState.Load(state["epoch_start"]!);
        order = [];
        if (state["position"]!.GetValue<int>() is >= 0 and var saved)
        {
            Shuffle();
            position = saved;
        }
    }

    private PolicyPrompt Next()
    {
        if (position == order.Length) Shuffle();
        return prompts[order[position++]];
    }

    private void Shuffle()
    {
        epochStart = random.State;
        order = [.. Enumerable.Range(0, prompts.Count)];
        random.Shuffle(order);
        position = 0;
    }
}
