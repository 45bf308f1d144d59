using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Models.Generation;
using Gram.Ppo.Records;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Ppo.Runs;

/// <summary>rollout.safetensors of a checkpoint: the rollout that was in flight (async_steps), which its own weights can no longer make.</summary>
internal static class RolloutFile
{
    private const string Name = "rollout.safetensors";

    /// <summary>Writes it.</summary>
    public static void Save(string directory, SavedRollout saved, double temperature)
    {
        using var scope = NewDisposeScope();
        var rollout = saved.Rollout;
        var tensors = new Dictionary<string, Tensor>
        {
            ["rollout"] = tensor(new long[] { rollout.Step, rollout.GeneratedTokens, rollout.OptimizerStep }),
            ["temperature"] = tensor(new[] { temperature }),
            ["prompts"] = Ints(rollout.Rows.Select(row => row.Prompt.Index)),
            ["queries"] = Ints(rollout.Rows.Select(row => row.Query)),
            ["old_log_probs"] = tensor(saved.OldLogProbs),
            ["ref_log_probs"] = tensor(saved.RefLogProbs),
        };
        if (saved.Values is not null) tensors["values"] = tensor(saved.Values);
        Add("response", [.. rollout.Rows.Select(row => row.Response)]);
        if (rollout.Rows[0].Greedy is not null) Add("greedy", [.. rollout.Rows.OrderBy(row => row.Query).DistinctBy(row => row.Query).Select(row => row.Greedy!)]);
        SafetensorsWriter.Write(Path.Combine(directory, Name), tensors);

        void Add(string name, GeneratedSequence[] sequences)
        {
            tensors[$"{name}.lengths"] = Ints(sequences.Select(sequence => sequence.Tokens.Length));
            tensors[$"{name}.ends"] = Ints(sequences.Select(sequence => (int)sequence.End));
            tensors[$"{name}.tokens"] = Ints(sequences.SelectMany(sequence => sequence.Tokens));
            tensors[$"{name}.log_probs"] = tensor(sequences.SelectMany(sequence => sequence.LogProbs!).ToArray());
            if (sequences[0].Kept is null) return;
            tensors[$"{name}.kept_lengths"] = Ints(sequences.SelectMany(sequence => sequence.Kept!).Select(kept => kept.Length));
            tensors[$"{name}.kept"] = Ints(sequences.SelectMany(sequence => sequence.Kept!).SelectMany(kept => kept));
        }
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="prompts">The run's prompts, which are those of the checkpoint.</param>
    /// <param name="options">The run's settings.</param>
    /// <exception cref="GramException">It is missing or broken, or was made with settings that make another kind of rollout.</exception>
    public static SavedRollout Load(string checkpoint, IReadOnlyList<PolicyPrompt> prompts, PpoOptions options)
    {
        using var store = TensorStore.OpenFile(Path.Combine(checkpoint, Name));
        var (places, queries) = (Of<int>("prompts"), Of<int>("queries"));
        Same("responses", places.Length, options.RolloutSize);
        Same("samples a prompt", queries.Length / queries.Distinct().Count(), options.NumSamples);
        Same("temperature", Of<double>("temperature")[0], options.Temperature);
        if (options.DecodesGreedy && !store.Names.Contains("greedy.tokens")) throw Other("no greedy responses");
        if (options.Advantage == Advantage.Gae && !store.Names.Contains("values")) throw Other("no values");

        var (responses, greedy) = (Sequences("response"), store.Names.Contains("greedy.tokens") ? Sequences("greedy") : null);
        var numbers = Of<long>("rollout");
        var rows = places.Select((place, row) => new RolloutRow(prompts[place], responses[row], greedy?[queries[row]], queries[row])).ToArray();
        return new(
            new Rollout((int)numbers[0], rows, (int)numbers[1]) { OptimizerStep = (int)numbers[2] },
            Of<float>("old_log_probs"), Of<float>("ref_log_probs"), options.Advantage == Advantage.Gae ? Of<float>("values") : null);

        T[] Of<T>(string name) where T : unmanaged
        {
            using var loaded = store.Load(name);
            return loaded.data<T>().ToArray();
        }

        GeneratedSequence[] Sequences(string name)
        {
            var (lengths, ends) = (Of<int>($"{name}.lengths"), Of<int>($"{name}.ends"));
            var (tokens, logProbs) = (Cut(Of<int>($"{name}.tokens"), lengths), Cut(Of<float>($"{name}.log_probs"), lengths));
            var kept = store.Names.Contains($"{name}.kept") ? Cut(Cut(Of<int>($"{name}.kept"), Of<int>($"{name}.kept_lengths")), lengths) : null;
            return [.. lengths.Select((_, i) => new GeneratedSequence(tokens[i], (ResponseEnd)ends[i], logProbs[i], kept?[i]))];
        }

        void Same<T>(string what, T saved, T expected) where T : IEquatable<T>
        {
            if (!saved.Equals(expected)) throw Other(FormattableString.Invariant($"{what} {saved}, and this run has {expected}"));
        }

        GramException Other(string what) => new($"{checkpoint}: the rollout that it holds (async_steps) was made with other settings: {what}; resume with those of the checkpoint");
    }

    private static Tensor Ints(IEnumerable<int> numbers) => tensor(numbers.ToArray());

    private static T[][] Cut<T>(T[] all, int[] lengths)
    {
        var at = 0;
        return [.. lengths.Select(length => all[at..(at += length)])];
    }
}
