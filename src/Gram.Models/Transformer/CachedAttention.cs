using Gram.Models.Kernels;
using Gram.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Transformer;

/// <summary>Rotary attention of tokens that follow those of a cache, on a CPU; its kernel is <see cref="CachedAttentionKernel{T}"/>. Inference.</summary>
internal static class CachedAttention
{
    /// <summary>[rows, tokens, heads · headDim]; the layer's keys and values are stored in the cache, which is not advanced.</summary>
    /// <param name="q">[rows, tokens, heads · headDim] before rotation.</param>
    /// <param name="k">[rows, tokens, kvHeads · headDim] before rotation.</param>
    /// <param name="v">[rows, tokens, kvHeads · headDim].</param>
    /// <param name="shape">Sizes of the tokens' attention.</param>
    /// <param name="rotary">Angles.</param>
    /// <param name="cache">Earlier tokens, with room for these.</param>
    /// <param name="layer">The layer.</param>
    public static unsafe Tensor Of(Tensor q, Tensor k, Tensor v, AttentionShape shape, RotaryTable rotary, KvCache cache, int layer)
    {
        using var scope = NewDisposeScope();
        (q, k, v) = (q.contiguous(), k.contiguous(), v.contiguous());
        var result = empty_like(q);
        if (q.dtype == ScalarType.BFloat16) Run<ushort>();
        else Run<float>();
        return result.MoveToOuterDisposeScope();

        void Run<T>() where T : unmanaged => new CachedAttentionKernel<T>(shape, rotary).Forward(
            (T*)Shim.Data(q), (T*)Shim.Data(k), (T*)Shim.Data(v), (T*)Shim.Data(cache.Keys(layer)), (T*)Shim.Data(cache.Values(layer)), cache.Capacity, cache.Lengths.ToArray(), (T*)Shim.Data(result));
    }
}
