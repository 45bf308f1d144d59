using System.Diagnostics;
using Gram.Models;
using Gram.Models.Generation;
using Gram.Models.Scoring;
using Gram.Models.Transformer;
using Gram.Training.Optimisation;
using TorchSharp;
using Generator = Gram.Models.Generation.Generator;
using static TorchSharp.torch;

namespace Gram.Host.Bench;

/// <summary>Speeds of decoding, prefill, training, the optimiser and judging on one model, each as a share of the machine's floor.</summary>
/// <param name="modelDirectory">A Hugging Face directory.</param>
/// <param name="device">Where it runs.</param>
public sealed class SpeedBench(string modelDirectory, Device device)
{
    private static readonly ScalarType[] DTypes = [ScalarType.BFloat16, ScalarType.Float32];

    /// <summary>Measures everything; <paramref name="note"/> is told what comes next.</summary>
    public BenchReport Run(Action<string> note, CancellationToken cancellationToken = default)
    {
        note("floors");
        var floors = MachineFloors.Measure(device);
        List<(string Name, Measurement Measurement)> measurements = [];
        foreach (var dtype in DTypes)
        {
            using var model = CausalLM.Load(modelDirectory, dtype, device);
            var suffix = dtype == ScalarType.BFloat16 ? "bf16" : "f32";
            foreach (var rows in (int[])[1, 32]) Add($"decode_b{rows}_{suffix}", () => Decode(model, rows));
            Add($"prefill_512_{suffix}", () => Prefill(model, 512));
            Add($"train_4x256_{suffix}", () => Train(model, 4, 256));
            if (dtype == ScalarType.Float32) Add("optimizer_f32", () => Optimizer(model));
            try
            {
                Add($"judge_pairs_{suffix}", () => JudgeSpeed.Measure(model, modelDirectory, action => Best(3, () => Seconds(device, action))));
            }
            catch (GramException problem)
            {
                note($"judge_pairs_{suffix} is left out: {problem.Message}");
            }
        }
        note("floors again");
        floors = floors.Max(MachineFloors.Measure(device));
        return new BenchReport(BenchReport.DescribeMachine(), floors, [.. measurements.Select(entry => entry.Measurement.Against(entry.Name, floors))]);

        void Add(string name, Func<Measurement> measure)
        {
            cancellationToken.ThrowIfCancellationRequested();
            note(name);
            measurements.Add((name, measure()));
        }
    }

    /// <summary>Seconds of an action, with the device's queue drained.</summary>
    internal static double Seconds(Device device, Action action)
    {
        if (device.type == DeviceType.CUDA) cuda.synchronize(device);
        var start = Stopwatch.GetTimestamp();
        action();
        if (device.type == DeviceType.CUDA) cuda.synchronize(device);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>Samples 64 tokens after the first of 32-token prompts, all of the generator's work included but the prefill.</summary>
    private Measurement Decode(CausalLM model, int rows)
    {
        const int prompt = 32, steps = 64;
        var prompts = Enumerable.Range(0, rows).Select(row => Tokens(model, prompt, row)).ToArray();
        var generator = new Generator(model, endTokens: [], padToken: 0);
        double Time(int newTokens) => Seconds(device, () => generator.Generate(prompts, new SamplingOptions { MaxNewTokens = newTokens }, greedy: false, samples: 1, new RandomSource(11), maxRows: rows));
        Time(4);
        var seconds = Best(3, () => Time(steps + 1)) - Best(3, () => Time(1));
        var work = new ModelWork(model.Config);
        var step = work.Forward(rows, rows, rows * (prompt + steps / 2.0));
        var (bytes, dtype) = (ModelWork.DecodeBytes(model), model.DType);
        return new Measurement(rows * steps, "tokens/s", seconds, floors => steps * Math.Max(bytes / (1e9 * floors.ReadGbps), step / floors.Gemm(dtype)));
    }

    /// <summary>One prompt into a cache, and the logits of its last token.</summary>
    private Measurement Prefill(CausalLM model, int tokens)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var ids = tensor(Tokens(model, tokens, 0).Select(id => (long)id).ToArray(), [1, tokens], device: device);
        var seconds = Best(5, () => Seconds(device, () =>
        {
            using var step = NewDisposeScope();
            using var cache = model.NewCache(1, tokens);
            model.Logits(model.Hidden(ids, null, cache).select(1, tokens - 1), packed: true);
        }));
        var work = new ModelWork(model.Config).Forward(tokens, 1, ModelWork.Causal(1, tokens));
        return new Measurement(tokens, "tokens/s", seconds, floors => work / floors.Gemm(model.DType));
    }

    /// <summary>Forward and backward of the next-token loss on every position, as in training; a training step is three forwards.</summary>
    private Measurement Train(CausalLM model, int rows, int tokens)
    {
        using var batch = new SequenceBatch(
            [.. Enumerable.Range(0, rows).Select(row => Tokens(model, 1, row))],
            [.. Enumerable.Range(0, rows).Select(row => Tokens(model, tokens - 1, row + rows))], padToken: 0, device: device);
        model.SetTrainable(true);
        var seconds = Best(3, () => Seconds(device, () =>
        {
            using var step = NewDisposeScope();
            TokenScorer.Score(model, batch, temperature: 1).LogProbs.mean().neg().backward();
            foreach (var parameter in model.Parameters.Values) parameter.grad = null;
        }));
        model.SetTrainable(false);
        var work = 3 * new ModelWork(model.Config).Forward(rows * tokens, rows * (tokens - 1), ModelWork.Causal(rows, tokens));
        return new Measurement(rows * tokens, "tokens/s", seconds, floors => work / floors.Gemm(model.DType));
    }

    /// <summary>One step on float32 weights. It must read weights, gradients and both moments, and write all but the gradients: 28 bytes a parameter.</summary>
    private Measurement Optimizer(CausalLM model)
    {
        using var scope = NewDisposeScope();
        using var optimizer = new AdamW(model.Parameters, new AdamWOptions { MaxGradNorm = 0 });
        var seconds = Best(5, () =>
        {
            foreach (var parameter in model.Parameters.Values) parameter.grad = ones_like(parameter) * 1e-3;
            optimizer.Accumulate();
            return Seconds(device, () => optimizer.Step(0));
        });
        var parameters = model.Parameters.Values.Sum(parameter => parameter.numel());
        return new Measurement(1, "steps/s", seconds, floors => 28.0 * parameters / (1e9 * floors.CopyGbps));
    }

    private static int[] Tokens(CausalLM model, int count, int seed)
    {
        var random = new RandomSource((ulong)seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(model.Config.VocabSize))];
    }

    private static double Best(int repeats, Func<double> seconds)
    {
        seconds(); // warms caches, packed weights and the allocator
        return Enumerable.Range(0, repeats).Min(_ => seconds());
    }
}
