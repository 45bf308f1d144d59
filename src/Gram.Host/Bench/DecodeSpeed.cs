using Gram.Models;
using Gram.Models.Generation;

namespace Gram.Host.Bench;

/// <summary>Sampling 64 tokens after the first of 32-token prompts: all of the generator's work but the prefill.</summary>
internal static class DecodeSpeed
{
    private const int Prompt = 32, Steps = 64;

    /// <summary>Tokens a second; the floor of a step is the longer of reading all weights and its arithmetic.</summary>
    public static Measurement Measure(BenchSubject subject, int rows)
    {
        var model = subject.Model;
        var prompts = Enumerable.Range(0, rows).Select(row => subject.Tokens(Prompt, row)).ToArray();
        var generator = new Generator(model, endTokens: [], padToken: 0);
        Generate(4);
        var seconds = subject.BestOf(() => Generate(Steps + 1)) - subject.BestOf(() => Generate(1));
        var step = new ModelWork(model.Config).Forward(rows, rows, rows * (Prompt + Steps / 2.0));
        var (bytes, dtype) = (ModelWork.DecodeBytes(model), model.DType);
        return new Measurement(rows * Steps, "tokens/s", seconds, floors => Steps * Math.Max(bytes / (1e9 * floors.ReadGbps), step / floors.Gemm(dtype)));

        void Generate(int newTokens) =>
            generator.Generate(prompts, new SamplingOptions { MaxNewTokens = newTokens }, greedy: false, samples: 1, new RandomSource(11), maxRows: rows);
    }
}
