using Gram.Models.Checkpoints;
using Gram.Models.Transformer.Architectures;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Transformer;

/// <summary>Models that know nothing yet: normal weights, norms 1, biases 0.</summary>
internal static class RandomWeights
{
    public static CausalLM Create(ModelConfig config, RandomSource random, ScalarType dtype, Device device)
    {
        var architecture = Architecture.Of(config.ModelType);
        var deviation = config.InitializerRange;
        using var noGrad = no_grad();
        return new CausalLM(config, architecture.Parameters(config).ToDictionary(parameter => parameter.Name, Draw));

        Tensor Draw(ParameterShape parameter)
        {
            using var scope = NewDisposeScope();
            var (name, shape) = parameter;
            var values = name.EndsWith(".bias", StringComparison.Ordinal) ? zeros(shape, ScalarType.Float32)
                : shape.Length == 1 ? ones(shape, ScalarType.Float32)
                : tensor(Normal(shape[0] * shape[1])).reshape(shape);
            // Out of the managed array, whose alignment differs between runs, and with it the last bits of products.
            return values.to(dtype, device, copy: true).DetachFromDisposeScope();
        }

        float[] Normal(long count)
        {
            var values = new float[count];
            foreach (ref var value in values.AsSpan()) value = (float)(random.NextGaussian() * deviation);
            return values;
        }
    }
}
