using Gram.Models.Transformer;
using Gram.Models.Transformer.Lora;
using static TorchSharp.torch;

namespace Gram.Models.Tests.Transformer.Lora;

/// <summary>Random adapters whose B is not zero.</summary>
internal static class TinyAdapters
{
    public static LoraAdapter Create(CausalLM model, ulong seed, IReadOnlyList<string>? modulesToSave = null) =>
        Create(model, seed, new LoraConfig { Rank = 1 + (int)(seed % 4), Alpha = 3, UseRsLora = seed % 2 == 0, ModulesToSave = modulesToSave ?? [] });

    public static LoraAdapter Create(CausalLM model, ulong seed, LoraConfig config)
    {
        var random = new RandomSource(seed);
        var adapter = LoraAdapter.Create(config, model, random);
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        foreach (var linear in adapter.Linears.Values)
        {
            float[] values = [.. Enumerable.Range(0, (int)linear.B.numel()).Select(_ => (float)(0.3 * random.NextGaussian()))];
            linear.B.copy_(tensor(values, linear.B.shape));
        }
        return adapter;
    }
}
