using Gram.Models.Checkpoints;
using Gram.Models.Native;
using Gram.Models.Transformer;
using Gram.Models.Transformer.Lora;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Kernels;

/// <summary>
/// A forward with a cache on a CPU, as one kernel: the weights are read where they lie, everything between them stays in float32 and
/// in the processor's cache. Composed of operators a decoding step takes some thirty calls a block, each of
/// them longer than its arithmetic; and where several tokens run together, as in a prompt, the products are faster than libtorch's.
/// </summary>
internal sealed unsafe class CpuForward : IDisposable
{
    /// <summary>Tokens that run together: enough to read the weights rarely, few enough that what lies between them stays in the cache.</summary>
    private const int MostTokens = 64;
    /// <summary>Tokens of a row whose queries are multiplied with its keys together.</summary>
    private const int MostQueries = 16;

    private readonly ModelConfig config;
    private readonly ScalarType dtype;
    private readonly Tensor embedding;
    private readonly LinearWeights head;
    private readonly FloatBuffer finalNorm;
    private readonly LayerWeights[] layers;
    private readonly RotaryTable rotary;
    private readonly int hidden, inner, heads, kvHeads, headDim, group, rank;
    private readonly Lock gate = new();
    private ForwardMemory? memory;

    // The pass under way.
    private readonly nint[] keys, values;
    private readonly List<(int First, int Count)> runs = []; // tokens of one row, one after another
    private KvCache cache = null!;
    private Team team = null!;
    private long* tokens;
    private int* rowOf, placeOf; // [count] row of the cache and place in it of each token
    private float* normed, logits;
    private int count;

    /// <summary>A forward over these weights and an adapter; they may change in place as long as norms, biases and an adapter's factors B, of which it has copies, do not.</summary>
    public CpuForward(ModelConfig config, IReadOnlyDictionary<string, Tensor> weights, LoraAdapter? adapter)
    {
        this.config = config;
        embedding = weights["model.embed_tokens.weight"];
        dtype = embedding.dtype;
        head = new(config.TieWordEmbeddings ? embedding : weights["lm_head.weight"]);
        finalNorm = FloatBuffer.Of(weights["model.norm.weight"]);
        layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(layer => new LayerWeights(layer, weights, adapter))];
        rotary = new RotaryTable(config);
        (hidden, inner, heads, kvHeads, headDim) = (config.HiddenSize, config.IntermediateSize, config.NumAttentionHeads, config.NumKeyValueHeads, config.HeadDim);
        group = heads / kvHeads;
        rank = adapter?.Linears.Values.Select(linear => (int)linear.A.shape[0]).DefaultIfEmpty().Max() ?? 0;
        (keys, values) = (new nint[layers.Length], new nint[layers.Length]);
    }

    /// <summary>[rows · t, hidden] float32 states after the final norm; the cache gets the tokens' keys and values, and is not advanced. Several callers take turns.</summary>
    /// <param name="next">[rows, t] int64 tokens that follow those of each row, on the CPU.</param>
    /// <param name="past">The rows' cache, with room for them.</param>
    /// <exception cref="ArgumentOutOfRangeException">A token is not in the vocabulary.</exception>
    public Tensor Hidden(Tensor next, KvCache past)
    {
        lock (gate) return HiddenAlone(next, past);
    }

    private Tensor HiddenAlone(Tensor next, KvCache past)
    {
        var (rows, t) = (past.Rows, (int)(next.numel() / Math.Max(1, past.Rows)));
        Start(past.Capacity);
        cache = past;
        rotary.Reach(past.Longest + t);
        for (var layer = 0; layer < layers.Length; layer++) (keys[layer], values[layer]) = ((nint)Shim.Data(past.Keys(layer)), (nint)Shim.Data(past.Values(layer)));
        using var contiguous = next.contiguous();
        var result = empty(rows * t, hidden);
        var vocabulary = embedding.shape[0];
        foreach (var token in new ReadOnlySpan<long>(Shim.Data(contiguous), rows * t))
            if ((ulong)token >= (ulong)vocabulary) throw new ArgumentOutOfRangeException(nameof(next), token, $"the vocabulary has {vocabulary} tokens");
        int[] row = new int[rows * t], place = new int[rows * t];
        for (var i = 0; i < row.Length; i++) (row[i], place[i]) = (i / t, past.Lengths[i / t] + (i % t));
        fixed (int* rowStart = row, placeStart = place)
        {
            for (var first = 0; first < row.Length; first += MostTokens)
            {
                count = Math.Min(MostTokens, row.Length - first);
                tokens = (long*)Shim.Data(contiguous) + first;
                rowOf = rowStart + first;
                placeOf = placeStart + first;
                normed = (float*)Shim.Data(result) + ((long)first * hidden);
                FindRuns();
                if (dtype == ScalarType.BFloat16) team.Run(Layers<ushort>);
                else team.Run(Layers<float>);
            }
        }
        GC.KeepAlive(past);
        return result;
    }

    /// <summary>[rows, vocab] float32 logits of float32 states [rows, hidden]. Several callers take turns.</summary>
    public Tensor Logits(Tensor states)
    {
        lock (gate) return LogitsAlone(states);
    }

    private Tensor LogitsAlone(Tensor states)
    {
        Start(capacity: 1);
        using var contiguous = states.contiguous();
        var (rows, result) = ((int)states.shape[0], empty(states.shape[0], head.Out));
        for (var first = 0; first < rows; first += MostTokens)
        {
            count = Math.Min(MostTokens, rows - first);
            normed = (float*)Shim.Data(contiguous) + ((long)first * hidden);
            logits = (float*)Shim.Data(result) + ((long)first * head.Out);
            if (dtype == ScalarType.BFloat16) team.Run(Head<ushort>);
            else team.Run(Head<float>);
        }
        return result;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        memory?.Dispose();
        head.Dispose();
        finalNorm.Dispose();
        rotary.Dispose();
        foreach (var layer in layers) layer.Dispose();
    }

    private void Start(int capacity)
    {
        team = Team.Shared();
        if (memory?.Fits(capacity, team.Size) == true) return;
        memory?.Dispose();
        memory = new ForwardMemory(config, MostTokens, MostQueries * group, capacity, team.Size, rank);
    }

    private void FindRuns()
    {
        runs.Clear();
        for (var i = 0; i < count; i++)
        {
            if (runs.Count > 0 && runs[^1] is var run && run.Count < MostQueries && rowOf[run.First] == rowOf[i]) runs[^1] = (run.First, run.Count + 1);
            else runs.Add((i, 1));
        }
    }

    /// <summary>A member's part of the blocks. Between two barriers no member reads what another one writes.</summary>
    private void Layers<T>(int member) where T : unmanaged
    {
        var shared = memory!;
        var own = shared.Members[member];
        Embed<T>(shared.X, own);
        team.Barrier();
        for (var layer = 0; layer < layers.Length; layer++)
        {
            var weights = layers[layer];
            Norm(weights.InputNorm, own);
            Project<T>(layer, own);
            team.Barrier();
            Attend<T>(layer, own);
            team.Barrier();
            AddProduct<T>(weights.Output, shared.Attended, own);
            team.Barrier();
            Norm(weights.PostNorm, own);
            GateAndUp<T>(weights, own);
            team.Barrier();
            AddProduct<T>(weights.Down, shared.Inner, own);
            team.Barrier();
        }
        while (team.Take(own.Number, count, 1, out var token, out _)) RowKernels.RmsNorm(At(shared.X, token, hidden), finalNorm.Data, At(normed, token, hidden), hidden, config.RmsNormEps);
    }

    private void Head<T>(int member) where T : unmanaged
    {
        var own = memory!.Members[member];
        var x = DotProducts.Arrange<T>(normed, own.Arranged, count, hidden);
        while (team.Take(own.Number, head.Out, RowsAtOnce(head), out var from, out var to))
            DotProducts.Multiply((T*)head.Data, hidden, from, to, x, count, logits + from, head.Out);
    }

    private void Embed<T>(float* x, ForwardMemory.Member own) where T : unmanaged
    {
        var table = (T*)Shim.Data(embedding);
        while (team.Take(own.Number, count, 1, out var token, out _)) RowKernels.Widen(table + (tokens[token] * hidden), At(x, token, hidden), hidden);
    }

    /// <summary>Every member norms all tokens for itself: that is shorter than a barrier.</summary>
    private void Norm(FloatBuffer weight, ForwardMemory.Member own)
    {
        for (var token = 0; token < count; token++) RowKernels.RmsNorm(At(memory!.X, token, hidden), weight.Data, At(own.Normed, token, hidden), hidden, config.RmsNormEps);
    }

    /// <summary>Queries, keys and values, shared out by heads, so that a head's norm and rotation need no barrier.</summary>
    private void Project<T>(int layer, ForwardMemory.Member own) where T : unmanaged
    {
        var weights = layers[layer];
        for (var part = 0; part < 3; part++) Lower(weights.Qkv[part], own.Normed, own, part);
        var x = DotProducts.Arrange<T>(own.Normed, own.Arranged, count, hidden);
        while (team.Take(own.Number, heads + (2 * kvHeads), 1, out var unit, out _))
        {
            var part = unit < heads ? 0 : unit < heads + kvHeads ? 1 : 2;
            var index = unit - (part == 0 ? 0 : part == 1 ? heads : heads + kvHeads);
            var linear = weights.Qkv[part];
            var target = part == 0 ? memory!.Queries + ((long)index * headDim) : own.Head;
            var stride = part == 0 ? heads * headDim : headDim;
            Product<T>(linear, index * headDim, (index + 1) * headDim, x, target, stride, own, part);
            for (var token = 0; token < count; token++)
            {
                var vector = At(target, token, stride);
                var place = placeOf[token];
                if (linear.Bias != null) RowKernels.Add(vector, linear.Bias + ((long)index * headDim), headDim);
                if ((part == 0 ? weights.QueryNorm : part == 1 ? weights.KeyNorm : null) is { } norm) RowKernels.RmsNorm(vector, norm.Data, vector, headDim, config.RmsNormEps);
                if (part < 2) RowKernels.Rotate(vector, rotary.Cos(place), rotary.Sin(place), headDim / 2);
                if (part > 0) RowKernels.Narrow(vector, Past<T>(part == 1 ? keys[layer] : values[layer], rowOf[token], index) + ((long)place * headDim), headDim);
            }
        }
    }

    /// <summary>softmax(q · kᵀ / √headDim) · v, shared out by runs of tokens and key-value heads: all queries of both read the same keys.</summary>
    private void Attend<T>(int layer, ForwardMemory.Member own) where T : unmanaged
    {
        var (scale, stride) = ((float)(1 / Math.Sqrt(headDim)), cache.Capacity);
        while (team.Take(own.Number, runs.Count * kvHeads, 1, out var unit, out _))
        {
            var ((first, tokensOfRun), kvHead) = (runs[unit / kvHeads], unit % kvHeads);
            var (row, longest, queries) = (rowOf[first], placeOf[first + tokensOfRun - 1] + 1, tokensOfRun * group);
            for (var token = 0; token < tokensOfRun; token++)
                Copy(At(memory!.Queries, first + token, heads * headDim) + ((long)kvHead * group * headDim), own.Queries + ((long)token * group * headDim), group * headDim);
            var q = DotProducts.Arrange<T>(own.Queries, own.Queries, queries, headDim);
            DotProducts.Multiply(Past<T>(keys[layer], row, kvHead), headDim, 0, longest, q, queries, own.Scores, stride);
            for (var query = 0; query < queries; query++)
            {
                var scores = At(own.Scores, query, stride);
                var length = placeOf[first + (query / group)] + 1;
                SoftmaxKernels.Softmax(scores, length, scale);
                new Span<float>(scores + length, longest - length).Clear();
            }
            WeightedSums.Of(new(own.Scores, stride, 1), queries, Past<T>(values[layer], row, kvHead), headDim, longest, own.Queries, headDim, headDim);
            for (var token = 0; token < tokensOfRun; token++)
                Copy(own.Queries + ((long)token * group * headDim), At(memory!.Attended, first + token, heads * headDim) + ((long)kvHead * group * headDim), group * headDim);
        }
    }

    private void AddProduct<T>(LinearWeights linear, float* x, ForwardMemory.Member own) where T : unmanaged
    {
        Lower(linear, x, own, 0);
        x = DotProducts.Arrange<T>(x, own.Arranged, count, linear.In);
        while (team.Take(own.Number, linear.Out, RowsAtOnce(linear), out var from, out var to)) Product<T>(linear, from, to, x, memory!.X + from, linear.Out, own, 0, add: true);
    }

    private void GateAndUp<T>(LayerWeights weights, ForwardMemory.Member own) where T : unmanaged
    {
        Lower(weights.Gate, own.Normed, own, 0);
        Lower(weights.Up, own.Normed, own, 1);
        var x = DotProducts.Arrange<T>(own.Normed, own.Arranged, count, hidden);
        while (team.Take(own.Number, inner, RowsAtOnce(weights.Gate), out var from, out var to))
        {
            var width = to - from;
            Product<T>(weights.Gate, from, to, x, memory!.Inner + from, inner, own, 0);
            Product<T>(weights.Up, from, to, x, own.Up, width, own, 1);
            for (var token = 0; token < count; token++) GateKernels.Forward(At(memory.Inner, token, inner) + from, At(own.Up, token, width), At(memory.Inner, token, inner) + from, width);
        }
    }

    /// <summary>scale · A · x of a linear's adapter, at a place of the member's own; every member does it for itself.</summary>
    private void Lower(LinearWeights linear, float* x, ForwardMemory.Member own, int place)
    {
        if (linear.Rank == 0) return;
        var lowered = Lowered(own, place);
        DotProducts.Multiply(linear.A, linear.In, 0, linear.Rank, x, count, lowered, linear.Rank);
        for (var i = 0; i < count * linear.Rank; i++) lowered[i] *= linear.Scale;
    }

    /// <summary>Some columns of a linear's output: W · x, and B · (scale · A · x) where it has an adapter.</summary>
    private void Product<T>(LinearWeights linear, int from, int to, float* x, float* y, int stride, ForwardMemory.Member own, int place, bool add = false) where T : unmanaged
    {
        DotProducts.Multiply((T*)linear.Data, linear.In, from, to, x, count, y, stride, add);
        if (linear.Rank > 0) WeightedSums.Of(new(Lowered(own, place), linear.Rank, 1), count, linear.B + from, linear.Out, linear.Rank, y, stride, to - from, add: true);
    }

    /// <summary>Rows of a weight that a member takes at a time: enough to stream, in whole cache lines of results, with an adapter in whole steps of its sums.</summary>
    private static int RowsAtOnce(LinearWeights linear)
    {
        var least = linear.Rank > 0 ? Elements.MostOfAStep : 16;
        return Math.Max(least, 32 * 1024 / linear.In / least * least);
    }

    private static float* At(float* rows, int index, int width) => rows + ((long)index * width);

    private static void Copy(float* from, float* to, int length) => new ReadOnlySpan<float>(from, length).CopyTo(new Span<float>(to, length));

    // [rank] of each token for the given of the stage's linears.
    private float* Lowered(ForwardMemory.Member own, int place) => own.Lowered + ((long)place * MostTokens * rank);

    // [capacity, headDim] of a row's key-value head.
    private T* Past<T>(nint data, int row, int kvHead) where T : unmanaged => (T*)data + (((long)row * kvHeads + kvHead) * cache.Capacity * headDim);
}
