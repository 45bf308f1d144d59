using Gram.Models;
using Gram.Models.Transformer;
using static TorchSharp.torch;

namespace Gram.Host.Bench;

/// <summary>Speeds of loading, decoding, prefill, training, the optimiser and judging on one model, each as a share of the machine's floor.</summary>
/// <param name="modelDirectory">A Hugging Face directory.</param>
/// <param name="device">Where it runs.</param>
/// <param name="note">Told what is measured next, and what was left out or cut short.</param>
public sealed class SpeedBench(string modelDirectory, Device device, Action<string> note)
{
    private const double FigureBudget = 30;
    private const int Warmups = 2, Repeats = 8;

    private static readonly Figure[] Figures = [.. Of(ScalarType.BFloat16, "bf16"), .. Of(ScalarType.Float32, "f32")];

    /// <summary>Names of all figures, in the order in which they are measured.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Figures.Select(figure => figure.Name)];

    /// <summary>How the machine's floors are measured.</summary>
    internal Func<MachineFloors> Floors { get; init; } = () => MachineFloors.Measure(device, note);

    /// <summary>Measures the floors and these figures (none named = all).</summary>
    public BenchReport Run(IReadOnlyCollection<string> names, CancellationToken cancellationToken = default)
    {
        note("measuring floors");
        var floors = Floors();
        var runs = new BestOf(FigureBudget, note);
        List<(string Name, Measurement Measurement)> measurements = [];
        foreach (var figures in Figures.Where(figure => names.Count == 0 || names.Contains(figure.Name)).GroupBy(figure => figure.DType))
        {
            using var model = CausalLM.Load(modelDirectory, figures.Key, device);
            foreach (var (name, _, measure) in figures)
            {
                note($"measuring {name}");
                var subject = new BenchSubject(model, modelDirectory, run => runs.Seconds(name, Warmups, Repeats, run, cancellationToken));
                try
                {
                    measurements.Add((name, measure(subject)));
                }
                catch (GramException problem)
                {
                    note($"{name} is left out: {problem.Message}");
                }
            }
        }
        note("measuring floors again");
        floors = floors.Max(Floors());
        return new BenchReport(BenchReport.DescribeMachine(), floors, [.. measurements.Select(entry => entry.Measurement.Against(entry.Name, floors))]);
    }

    private static IEnumerable<Figure> Of(ScalarType dtype, string suffix)
    {
        if (dtype == ScalarType.BFloat16) yield return new($"load_peak_{suffix}", dtype, LoadSpeed.Peak); // first: memory that others gave back would be taken again
        yield return new($"load_{suffix}", dtype, LoadSpeed.Time);
        yield return new($"decode_b1_{suffix}", dtype, subject => DecodeSpeed.Measure(subject, rows: 1));
        yield return new($"decode_b32_{suffix}", dtype, subject => DecodeSpeed.Measure(subject, rows: 32));
        yield return new($"prefill_512_{suffix}", dtype, subject => PrefillSpeed.Measure(subject, tokens: 512));
        yield return new($"train_4x256_{suffix}", dtype, subject => TrainingSpeed.Gradients(subject, rows: 4, tokens: 256, checkpointed: false));
        yield return new($"train_checkpointed_4x256_{suffix}", dtype, subject => TrainingSpeed.Gradients(subject, rows: 4, tokens: 256, checkpointed: true));
        if (dtype == ScalarType.Float32) yield return new($"activations_4x256_{suffix}", dtype, subject => TrainingSpeed.Activations(subject, rows: 4, tokens: 256, checkpointed: false));
        if (dtype == ScalarType.Float32) yield return new($"activations_checkpointed_4x256_{suffix}", dtype, subject => TrainingSpeed.Activations(subject, rows: 4, tokens: 256, checkpointed: true));
        if (dtype == ScalarType.Float32) yield return new($"optimizer_{suffix}", dtype, TrainingSpeed.Optimizer);
        yield return new($"judge_pairs_{suffix}", dtype, JudgeSpeed.Measure);
        foreach (var texts in JudgeTexts.All)
            yield return new($"judge_{texts.Name}_{suffix}", dtype, subject => JudgeSpeed.MeasureBeside(subject, texts));
        yield return new($"judge_{JudgeTexts.RoundRobin8.Name}_{suffix}", dtype, subject => RoundRobinSpeed.Measure(subject, JudgeTexts.RoundRobin8));
        if (dtype != ScalarType.Float32) yield break;
        yield return new("ppo_step", dtype, PpoStepSpeed.Measure);
        yield return new("ppo_step_lora", dtype, subject => PpoStepSpeed.MeasureBeside(subject, PpoStepKind.Lora, beside: PpoStepKind.Full));
        yield return new("ppo_step_mixed", dtype, subject => PpoStepSpeed.MeasureBeside(subject, PpoStepKind.Mixed, beside: PpoStepKind.OneLength));
    }

    /// <summary>A speed that can be measured, on a model of its dtype.</summary>
    private sealed record Figure(string Name, ScalarType DType, Func<BenchSubject, Measurement> Measure);
}
