using System.Diagnostics;
using Gram.Models.Checkpoints;
using Gram.Models.Transformer;
using Gram.Models.Transformer.Architectures;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Speed;

/// <summary>
/// Times a model in miniature, one block and a head, so that whatever kernels a dtype has on this device are the ones measured, on
/// weights (42 MB in bfloat16) that are more than most caches hold.
/// </summary>
public static class DTypeTrial
{
    private const int Prompt = 128, Rows = 8, Steps = 6, Repeats = 2;

    private static readonly ModelConfig Config = new()
    {
        ModelType = "llama",
        VocabSize = 8192,
        HiddenSize = 1024,
        IntermediateSize = 2816,
        NumHiddenLayers = 1,
        NumAttentionHeads = 16,
        NumKeyValueHeads = 4,
        HeadDim = 64,
        MaxPositionEmbeddings = 512,
        RmsNormEps = 1e-5,
        RopeTheta = 10_000,
        TieWordEmbeddings = true,
    };

    /// <summary>Rates of a dtype on a device; a few tenths of a second.</summary>
    public static DTypeRates Measure(Device device, ScalarType dtype)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        using var model = new CausalLM(Config, Architecture.Of(Config.ModelType).Parameters(Config).ToDictionary(parameter => parameter.Name, Weight));
        var parameters = model.Parameters.Values.Sum(parameter => (double)parameter.numel());
        var embedding = (double)Config.VocabSize * Config.HiddenSize;
        var (prompt, next) = (zeros([1, Prompt], ScalarType.Int64, device), zeros([Rows], ScalarType.Int64, device));
        return new DTypeRates(
            2e-9 * (parameters - embedding) * Prompt / Best(Repeats, Score),
            2e-9 * parameters * Rows / DecodeSeconds());

        Tensor Weight(ParameterShape parameter)
        {
            // Any values but zeros, without a draw from anybody's generator.
            var count = parameter.Shape.Aggregate(1L, (product, size) => product * size);
            return arange(count, ScalarType.Float32, device).sin_().mul_(0.02).reshape(parameter.Shape).to(dtype).DetachFromDisposeScope();
        }

        void Score()
        {
            using var step = NewDisposeScope();
            using var cache = model.NewCache(1, Prompt);
            model.Hidden(prompt, cache);
        }

        double DecodeSeconds()
        {
            using var cache = model.NewCache(Rows, 1 + Steps);
            model.Hidden(next.unsqueeze(1), cache);
            return Best(Steps - 1, () => model.Decode(next, cache).Dispose());
        }

        double Best(int repeats, Action action)
        {
            action(); // warms caches and packs weights
            return Enumerable.Range(0, repeats).Min(_ => Seconds());

            double Seconds()
            {
                if (device.type == DeviceType.CUDA) cuda.synchronize(device);
                var start = Stopwatch.GetTimestamp();
                action();
                if (device.type == DeviceType.CUDA) cuda.synchronize(device);
                return Stopwatch.GetElapsedTime(start).TotalSeconds;
            }
        }
    }
}
