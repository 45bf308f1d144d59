using Gram.Models.Checkpoints;
using Gram.Models.Transformer.Lora;
using Gram.Training.Optimisation;
using static TorchSharp.torch;

namespace Gram.Training.Memory;

/// <summary>Bytes that a model's parts take, from its shapes alone: all its weights are trained, or an adapter over them.</summary>
public sealed class ModelMemory
{
    private const int Float32 = 4;

    private readonly ModelConfig config;
    private readonly LoraSize? adapter;
    private readonly bool drops; // of the adapter's inputs
    private readonly long parameters, trained, eightBit, eightBitScales; // numbers; those that are trained, those with 8-bit moments, and a moment's scales

    private ModelMemory(ModelConfig config, TensorStore store, LoraConfig? lora)
    {
        (this.config, adapter, drops) = (config, lora?.SizeOver(config, "finetuning_type: lora"), lora?.Dropout > 0);
        (string Name, long Numbers)[] weights = [.. store.Names.Where(name => !(config.TieWordEmbeddings && name == "lm_head.weight")).Select(name => (name, store.Shape(name).Aggregate(1L, (product, size) => product * size)))];
        parameters = weights.Sum(weight => weight.Numbers);
        foreach (var (name, numbers) in adapter?.Tensors ?? weights)
        {
            trained += numbers;
            if (!EightBitRule.Takes(name, numbers)) continue;
            var blocks = (numbers + Models.Kernels.EightBitAdamW.Block - 1) / Models.Kernels.EightBitAdamW.Block;
            (eightBit, eightBitScales) = (eightBit + numbers, eightBitScales + blocks);
        }
    }

    /// <summary>Reads a model's shapes; its weights are not read.</summary>
    /// <param name="directory">The model.</param>
    /// <param name="lora">The adapter that alone is trained; null: all weights are.</param>
    /// <exception cref="Models.GramException">The model's files are missing or wrong, or the adapter is none of such a model.</exception>
    public static ModelMemory Read(string directory, LoraConfig? lora = null)
    {
        var config = ModelConfig.Read(directory);
        using var store = TensorStore.OpenDirectory(directory);
        return new(config, store, lora);
    }

    /// <summary>A copy that computes in a dtype.</summary>
    public long Weights(ScalarType dtype) => parameters * SizeOf(dtype);

    /// <summary>Float32 masters, and the copy that is computed with where it is of another dtype; of an adapter, which is float32 itself, what it lies over too.</summary>
    public long TrainedWeights(ScalarType dtype) => adapter is not null ? Weights(dtype) + Adapter(dtype) : Masters + (dtype == ScalarType.Float32 ? 0 : Weights(dtype));

    /// <summary>The adapter's own weights; 0 without one. Modules that it trains whole have masters where they compute in another dtype.</summary>
    public long Adapter(ScalarType dtype) => adapter is null ? 0 : Masters + (dtype == ScalarType.Float32 ? 0 : adapter.Copies * SizeOf(dtype));

    /// <summary>Float32 weights that are stepped.</summary>
    public long Masters => trained * Float32;

    /// <summary>AdamW's two moments, float32 or, where they may be, 8 bits a number.</summary>
    public long Moments(bool inEightBits) => inEightBits
        ? 2 * ((eightBit + (Float32 * eightBitScales)) + (Float32 * (trained - eightBit)))
        : 2 * trained * Float32;

    /// <summary>Float32 sums, and the gradients of one backward in another dtype.</summary>
    public long Gradients(ScalarType dtype) => adapter is null ? TrainedWeights(dtype) : Adapter(dtype);

    /// <summary>The embedding's gradient, which a backward makes whole before it is added.</summary>
    public long EmbeddingGradient(ScalarType dtype) => adapter is not null && !adapter.Tensors.Any(tensor => tensor.Name == "model.embed_tokens.weight") ? 0 : (long)config.VocabSize * config.HiddenSize * SizeOf(dtype);

    /// <summary>Keys and values of rows in a cache.</summary>
    public long Cache(ScalarType dtype, long rows, long tokens) => 2L * config.NumHiddenLayers * config.NumKeyValueHeads * config.HeadDim * rows * tokens * SizeOf(dtype);

    /// <summary>Float32 logits of all words.</summary>
    public long Logits(long rows) => rows * config.VocabSize * Float32;

    /// <summary>
    /// What a micro-batch's forward keeps for its backward. Of a block: the inputs of its norms and products, both sums, queries, keys
    /// and values, the attention's result, gate and up. Without kernels, the operators inside norms, rotation and gate keep theirs too. The
    /// backward gives back what it is done with as it goes. Checkpointed blocks leave their input, and one at a time works.
    /// Adapters add what lies between their factors, in bfloat16 their inputs in float32, under dropout what is left of them and the mask (what
    /// frozen products do without, the low-rank ones keep); the block at work a second output and gradient of each adapted product.
    /// </summary>
    /// <param name="dtype">What is computed in.</param>
    /// <param name="tokens">Tokens, padding included.</param>
    /// <param name="checkpointing">Whether blocks keep their input alone.</param>
    /// <param name="fused">Whether norms, gates and attention are kernels with a gradient (a CPU), not operators that each keep their results.</param>
    public long Activations(ScalarType dtype, long tokens, bool checkpointing, bool fused)
    {
        long size = SizeOf(dtype), layers = config.NumHiddenLayers, hidden = config.HiddenSize, inner = config.IntermediateSize, queries = config.NumAttentionHeads * config.HeadDim, keys = config.NumKeyValueHeads * config.HeadDim;
        var normed = config.ModelType == "qwen3" ? queries + keys : 0; // before their norms
        long wide = size == Float32 || adapter is null ? 0 : Float32 * ((2 * hidden) + queries + inner), between = adapter is null ? 0 : Float32 * (adapter.Ranks + (drops ? 2 * adapter.Inputs : 0)) / layers;
        var block = wide + between + (size * ((6 * hidden) + (2 * queries) + (2 * keys) + normed + (3 * inner)));
        if (!fused) block += (size * ((2 * hidden) + (2 * (queries + keys)) + inner)) + (2 * Float32 * hidden);
        var second = adapter is null ? 0 : 2 * Float32 * adapter.Inputs / layers;
        return tokens * (second + (checkpointing ? (layers * size * 2 * hidden) + (4 * block) : (layers + 1) * block));
    }

    private static int SizeOf(ScalarType dtype) => dtype == ScalarType.Float32 ? Float32 : 2;
}
