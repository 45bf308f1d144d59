using Gram.Models.Checkpoints;
using Gram.Models.Native;
using Gram.Models.Transformer;
using Gram.Models.Transformer.Lora;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Kernels;

/// <summary>
/// One decoding step of a few rows on a CPU, as one kernel: the weights are read where they lie, everything between them stays in
/// float32 and in the cache, and nothing is allocated. Composed of operators a step takes some thirty calls a block, each of
/// them longer than its arithmetic.
/// </summary>
internal sealed unsafe class CpuDecoder : IDisposable
{
    private readonly ModelConfig config;
    private readonly ScalarType dtype;
    private readonly Tensor embedding;
    private readonly LinearWeights head;
    private readonly FloatBuffer finalNorm;
    private readonly LayerWeights[] layers;
    private readonly RotaryTable rotary;
    private readonly int hidden, inner, heads, kvHeads, headDim, rank;
    private DecoderMemory? memory;

    // The step under way.
    private readonly nint[] keys, values;
    private KvCache cache = null!;
    private Team team = null!;
    private long* tokens;
    private float* logits;
    private int rows;

    /// <summary>A decoder over these weights and an adapter; they may change in place as long as the norms and biases, of which it has copies, do not.</summary>
    public CpuDecoder(ModelConfig config, IReadOnlyDictionary<string, Tensor> weights, LoraAdapter? adapter)
    {
        this.config = config;
        embedding = weights["model.embed_tokens.weight"];
        dtype = embedding.dtype;
        head = new(config.TieWordEmbeddings ? embedding : weights["lm_head.weight"]);
        finalNorm = FloatBuffer.Of(weights["model.norm.weight"]);
        layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(layer => new LayerWeights(config, layer, weights, adapter))];
        rotary = new RotaryTable(config);
        (hidden, inner, heads, kvHeads, headDim) = (config.HiddenSize, config.IntermediateSize, config.NumAttentionHeads, config.NumKeyValueHeads, config.HeadDim);
        rank = adapter?.Linears.Values.Select(linear => (int)linear.A.shape[0]).DefaultIfEmpty().Max() ?? 0;
        (keys, values) = (new nint[layers.Length], new nint[layers.Length]);
    }

    /// <summary>[rows, vocab] float32 logits of what follows each row's next token; the cache gets the tokens' keys and values, and is not advanced.</summary>
    /// <param name="next">[rows] int64, on the CPU.</param>
    /// <param name="past">The rows' cache, with room for one more token each.</param>
    public Tensor Step(Tensor next, KvCache past)
    {
        (cache, rows, team) = (past, past.Rows, Team.Shared());
        rotary.Reach(past.Longest + 1);
        if (memory is null || !memory.Fits(rows, past.Capacity, team.Size))
        {
            memory?.Dispose();
            memory = new DecoderMemory(config, rows, past.Capacity, team.Size, rank);
        }
        for (var layer = 0; layer < layers.Length; layer++) (keys[layer], values[layer]) = ((nint)Shim.Data(past.Keys(layer)), (nint)Shim.Data(past.Values(layer)));
        using var contiguous = next.contiguous();
        var result = empty(rows, head.Out);
        tokens = (long*)Shim.Data(contiguous);
        logits = (float*)Shim.Data(result);
        if (dtype == ScalarType.BFloat16) team.Run(Run<ushort>);
        else team.Run(Run<float>);
        GC.KeepAlive(past);
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

    /// <summary>A member's part of a step. Between two barriers no member reads what another one writes.</summary>
    private void Run<T>(int member) where T : unmanaged
    {
        var shared = memory!;
        var own = shared.Members[member];
        Embed<T>(shared.X, own);
        team.Barrier();
        for (var layer = 0; layer < layers.Length; layer++)
        {
            var weights = layers[layer];
            Norm(shared.X, weights.InputNorm, own);
            Project<T>(layer, own);
            team.Barrier();
            Attend<T>(layer, own);
            team.Barrier();
            AddProduct<T>(weights.Output, shared.Attended, shared.X, own);
            team.Barrier();
            Norm(shared.X, weights.PostNorm, own);
            GateAndUp<T>(weights, own);
            team.Barrier();
            AddProduct<T>(weights.Down, shared.Inner, shared.X, own);
            team.Barrier();
        }
        Norm(shared.X, finalNorm, own);
        while (team.Take(own.Number, head.Out, RowsAtOnce(hidden), out var from, out var to))
            DotProducts.Multiply((T*)head.Data, hidden, from, to, own.Normed, rows, logits + from, head.Out, own.Scratch);
    }

    private void Embed<T>(float* x, DecoderMemory.Member own) where T : unmanaged
    {
        var table = (T*)Shim.Data(embedding);
        while (team.Take(own.Number, rows, 1, out var row, out _)) DotProducts.Widen(table + (tokens[row] * hidden), x + ((long)row * hidden), hidden);
    }

    /// <summary>Every member norms all rows for itself: that is shorter than a barrier.</summary>
    private void Norm(float* x, FloatBuffer weight, DecoderMemory.Member own)
    {
        for (var row = 0; row < rows; row++) RowKernels.RmsNorm(x + ((long)row * hidden), weight.Data, own.Normed + ((long)row * hidden), hidden, config.RmsNormEps);
    }

    /// <summary>Queries, keys and values, shared out by heads, so that a head's norm and rotation need no barrier.</summary>
    private void Project<T>(int layer, DecoderMemory.Member own) where T : unmanaged
    {
        var weights = layers[layer];
        for (var part = 0; part < 3; part++) Lower(weights.Qkv[part], own.Normed, own, part);
        while (team.Take(own.Number, heads + (2 * kvHeads), 1, out var unit, out _))
        {
            var part = unit < heads ? 0 : unit < heads + kvHeads ? 1 : 2;
            var index = unit - (part == 0 ? 0 : part == 1 ? heads : heads + kvHeads);
            var linear = weights.Qkv[part];
            var target = part == 0 ? memory!.Queries + ((long)index * headDim) : own.Head;
            var stride = part == 0 ? heads * headDim : headDim;
            Product<T>(linear, index * headDim, (index + 1) * headDim, own.Normed, target, stride, own, part);
            for (var row = 0; row < rows; row++)
            {
                var values = target + ((long)row * stride);
                var place = cache.Lengths[row];
                if (linear.Bias != null) RowKernels.Add(values, linear.Bias + ((long)index * headDim), headDim);
                if ((part == 0 ? weights.QueryNorm : part == 1 ? weights.KeyNorm : null) is { } norm) RowKernels.RmsNorm(values, norm.Data, values, headDim, config.RmsNormEps);
                if (part < 2) RowKernels.Rotate(values, rotary.Cos(place), rotary.Sin(place), headDim / 2);
                if (part > 0) RowKernels.Narrow(values, Past<T>(part == 1 ? keys[layer] : this.values[layer], row, index) + ((long)place * headDim), headDim);
            }
        }
    }

    /// <summary>softmax(q · kᵀ / √headDim) · v, shared out by rows and query heads.</summary>
    private void Attend<T>(int layer, DecoderMemory.Member own) where T : unmanaged
    {
        var scale = (float)(1 / Math.Sqrt(headDim));
        while (team.Take(own.Number, rows * heads, 1, out var unit, out _))
        {
            var (row, head) = (unit / heads, unit % heads);
            var (length, at, kvHead) = (cache.Lengths[row] + 1, (long)unit * headDim, head / layers[layer].Group);
            DotProducts.Multiply(Past<T>(keys[layer], row, kvHead), headDim, 0, length, memory!.Queries + at, 1, own.Scores, 0, own.Scratch);
            RowKernels.Softmax(own.Scores, length, scale);
            RowKernels.WeightedSum(own.Scores, Past<T>(values[layer], row, kvHead), length, memory.Attended + at, headDim);
        }
    }

    private void AddProduct<T>(LinearWeights linear, float* x, float* y, DecoderMemory.Member own) where T : unmanaged
    {
        Lower(linear, x, own, 0);
        while (team.Take(own.Number, linear.Out, RowsAtOnce(linear.In), out var from, out var to)) Product<T>(linear, from, to, x, y + from, linear.Out, own, 0, add: true);
    }

    private void GateAndUp<T>(LayerWeights weights, DecoderMemory.Member own) where T : unmanaged
    {
        Lower(weights.Gate, own.Normed, own, 0);
        Lower(weights.Up, own.Normed, own, 1);
        while (team.Take(own.Number, inner, RowsAtOnce(hidden), out var from, out var to))
        {
            var width = to - from;
            Product<T>(weights.Gate, from, to, own.Normed, memory!.Inner + from, inner, own, 0);
            Product<T>(weights.Up, from, to, own.Normed, own.Up, width, own, 1);
            for (var row = 0; row < rows; row++) RowKernels.SiluTimes(memory.Inner + from + ((long)row * inner), own.Up + ((long)row * width), width);
        }
    }

    /// <summary>scale · A · x of a linear's adapter, at a place of the member's own; every member does it for itself.</summary>
    private void Lower(LinearWeights linear, float* x, DecoderMemory.Member own, int place)
    {
        if (linear.Rank == 0) return;
        var lowered = own.Lowered + ((long)place * rows * rank);
        DotProducts.Multiply(linear.A, linear.In, 0, linear.Rank, x, rows, lowered, linear.Rank, own.Scratch);
        for (var i = 0; i < rows * linear.Rank; i++) lowered[i] *= linear.Scale;
    }

    /// <summary>Some columns of a linear's output: W · x, and B · (scale · A · x) where it has an adapter.</summary>
    private void Product<T>(LinearWeights linear, int from, int to, float* x, float* y, int stride, DecoderMemory.Member own, int place, bool add = false) where T : unmanaged
    {
        DotProducts.Multiply((T*)linear.Data, linear.In, from, to, x, rows, y, stride, own.Scratch, add);
        if (linear.Rank > 0) DotProducts.Multiply(linear.B, linear.Rank, from, to, own.Lowered + ((long)place * rows * rank), rows, y, stride, own.Scratch, add: true);
    }

    /// <summary>Rows of a weight that a member takes at a time: enough to stream, in whole cache lines of results.</summary>
    private static int RowsAtOnce(int width) => Math.Max(16, 32 * 1024 / width / 16 * 16);

    // [capacity, headDim] of a row's key-value head.
    private T* Past<T>(nint data, int row, int kvHead) where T : unmanaged => (T*)data + (((long)row * kvHeads + kvHead) * cache.Capacity * headDim);
}
