using Gram.Models;
using Gram.Models.Generation;
using Gram.Models.Tokenization;
using Gram.Ppo.Records;
using Gram.Ppo.Rewards;
using Gram.Training.Parallel;

namespace Gram.Ppo.Stages;

/// <summary>Asks the reward's terms beside the judge about a rollout.</summary>
/// <param name="terms">The terms.</param>
/// <param name="tokenizer">The policy's.</param>
/// <param name="withReferences">Whether the reference responses are asked about too: ReMax's baseline is their reward.</param>
/// <param name="group">The run's processes, whose first one asks.</param>
public sealed class TermScoring(IReadOnlyList<IReward> terms, Tokenizer tokenizer, bool withReferences, IProcessGroup group)
{
    /// <summary>Each term's rewards of all rows.</summary>
    /// <exception cref="GramException">A term did not give one finite reward a response.</exception>
    public async ValueTask<IReadOnlyList<TermRewards>> ScoreAsync(Rollout rollout, IReadOnlyList<Verdict> verdicts, CancellationToken cancellationToken)
    {
        if (terms.Count == 0) return [];
        var rows = rollout.Rows.Zip(verdicts, (row, verdict) => (Row: row, Verdict: verdict)).ToArray();
        var asked = rows.Select(pair => RequestOf(pair.Row.Prompt, pair.Row.Response, pair.Verdict.Text, pair.Verdict.Reference)).ToList();
        var placeOfQuery = new Dictionary<int, int>(); // of its reference response in what is asked
        foreach (var (row, verdict) in withReferences ? rows : [])
        {
            if (placeOfQuery.TryAdd(row.Query, asked.Count)) asked.Add(RequestOf(row.Prompt, row.Greedy, verdict.Reference, verdict.Reference) with { IsReference = true });
        }
        var scored = new List<TermRewards>();
        foreach (var term in terms)
        {
            (IReadOnlyList<double> own, var seconds) = group.Leads() ? await Asking.TimedAsync(() => AskAsync(term, asked, cancellationToken)) : ([], 0);
            var rewards = group.FromLeader(own);
            if (rewards.Count != asked.Count) throw new GramException($"the reward term {term.Name} gave {rewards.Count} rewards for {asked.Count} responses: it must give one for each");
            if (Enumerable.Range(0, rewards.Count).FirstOrDefault(i => !double.IsFinite(rewards[i]), -1) is >= 0 and var bad) throw new GramException($"the reward term {term.Name} gave {rewards[bad]} for response {bad + 1} of {asked.Count}: a reward must be finite");
            scored.Add(new(term.Name, [.. rewards.Take(rows.Length)], withReferences ? [.. rows.Select(pair => rewards[placeOfQuery[pair.Row.Query]])] : []) { Seconds = seconds });
        }
        return scored;
    }

    /// <summary>A term's rewards. One that gives up (on a request of its own that took too long, say) has failed: the run was not cancelled.</summary>
    private static async ValueTask<IReadOnlyList<double>> AskAsync(IReward term, IReadOnlyList<RewardRequest> asked, CancellationToken cancellationToken)
    {
        try
        {
            return await term.RewardAsync(asked, cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException error) when (!cancellationToken.IsCancellationRequested)
        {
            throw new GramException($"the reward term {term.Name} gave up: {error.Message}", error);
        }
    }

    /// <summary>What is asked of a response. A reference that the policy did not decode just now is its text alone, an end token counted.</summary>
    private RewardRequest RequestOf(PolicyPrompt prompt, GeneratedSequence? response, string text, string reference) => new(
        prompt.Prompt,
        tokenizer.Decode(prompt.Tokens, skipSpecialTokens: false),
        text,
        response is null ? text : tokenizer.Decode(response.Tokens, skipSpecialTokens: false),
        reference,
        response?.Tokens.Length ?? tokenizer.Encode(text).Length + 1,
        response?.Ended ?? true);
}
