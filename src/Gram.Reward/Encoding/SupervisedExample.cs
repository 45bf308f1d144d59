namespace Gram.Reward.Encoding;

/// <summary>Plain supervised fine-tuning's way from turns to an example, truncation included: LLaMA-Factory's.</summary>
public static class SupervisedExample
{
    /// <summary>
    /// Joins turns up to <paramref name="cutoff"/> tokens, the first turn first; under <paramref name="maskHistory"/> the
    /// last first, and only its answer is trained.
    /// </summary>
    public static TrainingExample Of(IReadOnlyList<(int[] Source, int[] Target)> turns, int cutoff, bool maskHistory = false, bool trainOnPrompt = false)
    {
        var kept = new (int Source, int Target)[turns.Count];
        var total = 0;
        for (var k = 0; k < turns.Count && total < cutoff; k++)
        {
            var turn = maskHistory ? turns.Count - 1 - k : k;
            kept[turn] = Share(turns[turn].Source.Length, turns[turn].Target.Length, cutoff - total);
            total += kept[turn].Source + kept[turn].Target;
        }
        var ids = new List<int>(total);
        var trained = new List<(int Start, int End)>();
        for (var turn = 0; turn < turns.Count; turn++)
        {
            Add(turns[turn].Source, kept[turn].Source, trainOnPrompt);
            Add(turns[turn].Target, kept[turn].Target, !maskHistory || turn == turns.Count - 1);
        }
        return new([.. ids], [.. trained]);

        void Add(int[] piece, int length, bool isTrained)
        {
            if (isTrained && length > 0)
            {
                if (trained.Count > 0 && trained[^1].End == ids.Count) trained[^1] = (trained[^1].Start, ids.Count + length);
                else trained.Add((ids.Count, ids.Count + length));
            }
            ids.AddRange(piece.AsSpan(0, length));
        }
    }

    /// <summary>
    /// What a source and a target may keep of <paramref name="room"/> tokens (LLaMA-Factory's infer_seqlen): a target below
    /// half the room is kept whole, else a source below half of it, else both in proportion.
    /// </summary>
    public static (int Source, int Target) Share(int source, int target, int room)
    {
        var most = target * 2 < room ? room
            : source * 2 < room ? room - source
            : (int)(room * ((double)target / (source + target)));
        var keptTarget = Math.Min(most, target);
        return (Math.Min(Math.Max(room - keptTarget, 0), source), keptTarget);
    }
}
