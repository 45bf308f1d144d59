using Gram.Models;
using Gram.Models.Native;
using Gram.Models.Tokenization;
using Gram.Models.Transformer;
using Gram.Reward.Judging;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Gram.Reward.Baselines;

/// <summary>
/// A discriminative reward model: a linear head on the last hidden state of question and answer. As a judge,
/// P(A) = σ(r(A) − r(B)), whichever answer is shown first.
/// </summary>
public sealed class RewardHead : IPairJudge, IDisposable
{
    private const string WeightName = "reward_head.weight", LmHead = "lm_head.weight";

    private readonly CausalLM trunk;
    private readonly Tokenizer tokenizer;
    private readonly ChatTemplate template;
    private readonly int limit, batchTokens;
    private readonly Tensor weight; // [1, hidden], float32

    /// <summary>A head of small random weights (standard deviation 1/√(hidden + 1), as in summarize-from-feedback) on a trunk, which is not owned.</summary>
    /// <param name="trunk">The decoder.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="template">Writes question and answer as a conversation.</param>
    /// <param name="limit">Most tokens of a conversation.</param>
    /// <param name="random">Draws the head.</param>
    /// <param name="batchTokens">Most tokens of a forward in judging.</param>
    public RewardHead(CausalLM trunk, Tokenizer tokenizer, ChatTemplate template, int limit, RandomSource random, int batchTokens = 8192)
    {
        (this.trunk, this.tokenizer, this.template, this.limit, this.batchTokens) = (trunk, tokenizer, template, limit, batchTokens);
        using var scope = NewDisposeScope();
        var deviation = 1 / Math.Sqrt(trunk.Config.HiddenSize + 1);
        var drawn = tensor(Enumerable.Range(0, trunk.Config.HiddenSize).Select(_ => (float)(deviation * random.NextGaussian())).ToArray(), [1, trunk.Config.HiddenSize]);
        // A copy: an array's own memory lies differently each time, and products round with it.
        weight = drawn.to(trunk.Device, copy: true).DetachFromDisposeScope();
        weight.requires_grad = true;
        Parameters = WithHead(trunk);
    }

    /// <summary>What is trained, by name: the trunk without its word head, and the reward head.</summary>
    public IReadOnlyDictionary<string, Tensor> Parameters { get; }

    /// <summary>The same parameters with a trunk's other weights (float32 masters).</summary>
    public IReadOnlyDictionary<string, Tensor> WithHead(CausalLM masters) =>
        new Dictionary<string, Tensor>(masters.Parameters.Where(parameter => parameter.Key != LmHead)) { [WeightName] = weight };

    /// <summary>Ids of question and answer. An answer that does not fit loses its end; a question that does not, its beginning.</summary>
    public int[] Ids(string question, string answer)
    {
        if (Encode(answer) is var whole && whole.Length <= limit) return whole;
        return AnswerShortening.Fit(answer, "", (kept, _) => Encode(kept).Length, limit) is { } fit ? Encode(fit.A) : whole[^limit..];

        int[] Encode(string text) => template.Encode(tokenizer, [new("user", question), new("assistant", text)], addGenerationPrompt: false, enableThinking: false);
    }

    /// <summary>[rows] float32 rewards; differentiable.</summary>
    public Tensor Rewards(IReadOnlyList<int[]> rows)
    {
        using var scope = NewDisposeScope();
        var width = rows.Max(row => row.Length);
        var ids = new long[rows.Count * width]; // padded on the right with id 0: causality hides it
        for (var row = 0; row < rows.Count; row++)
            for (var i = 0; i < rows[row].Length; i++) ids[row * width + i] = rows[row][i];
        var last = tensor(rows.Select((row, i) => (long)i * width + row.Length - 1).ToArray(), device: trunk.Device);
        var hidden = Aten.Rows(trunk.Hidden(tensor(ids, [rows.Count, width], device: trunk.Device)).flatten(0, 1), last); // [rows, hidden]
        return F.linear(hidden.to(ScalarType.Float32), weight).squeeze(-1).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<PairScore>> ScoreAsync(IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken = default)
    {
        using var noGrad = no_grad();
        var rewards = pairs.SelectMany(pair => ((string, string)[])[(pair.Question, pair.AnswerA), (pair.Question, pair.AnswerB)]).Distinct().ToDictionary(text => text, _ => 0f);
        var rows = rewards.Keys.Select(text => (Text: text, Ids: Ids(text.Item1, text.Item2))).OrderByDescending(row => row.Ids.Length).ToList();
        for (var start = 0; start < rows.Count;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var batch = rows.Slice(start, Math.Min(Math.Max(1, batchTokens / rows[start].Ids.Length), rows.Count - start));
            var found = Rewards([.. batch.Select(row => row.Ids)]).cpu().data<float>().ToArray();
            for (var i = 0; i < batch.Count; i++) rewards[batch[i].Text] = found[i];
            start += batch.Count;
        }
        return ValueTask.FromResult<IReadOnlyList<PairScore>>([.. pairs.Select(pair =>
        {
            var p = 1 / (1 + Math.Exp((double)rewards[(pair.Question, pair.AnswerB)] - rewards[(pair.Question, pair.AnswerA)]));
            return new PairScore(p, p);
        })]);
    }

    /// <inheritdoc/>
    public void Dispose() => weight.Dispose();
}
