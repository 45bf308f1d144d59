using System.Text.Json;
using Gram.Host.Bench;
using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Models.Transformer;
using TorchSharp;

namespace Gram.Host.Tests.Bench;

public class SpeedBenchTests
{
    internal static readonly MachineFloors Floors = new(GemmF32Gflops: 180, GemmBf16Gflops: 1, ReadGbps: 40, CopyGbps: 44);

    [Fact]
    public void Run_SmallModel_MeasuresEveryFigureThatItCan()
    {
        using var directory = SmallModel();
        List<string> notes = [];
        var report = new SpeedBench(directory.Path, torch.CPU, notes.Add) { Floors = () => Floors }.Run([]);

        report.Figures.Select(figure => figure.Name).Should().Equal(
            "load_bf16", "decode_b1_bf16", "decode_b32_bf16", "prefill_512_bf16", "train_4x256_bf16", "train_checkpointed_4x256_bf16",
            "load_f32", "decode_b1_f32", "decode_b32_f32", "prefill_512_f32", "train_4x256_f32", "train_checkpointed_4x256_f32", "optimizer_f32");
        report.Figures.Should().OnlyContain(figure => figure.Value > 0 && figure.Share > 0);
        notes.Should().Contain(note => note.StartsWith("judge_pairs_bf16 is left out: "), "the model has no tokenizer").And.Contain(note => note.StartsWith("ppo_step is left out: "))
            .And.Contain(note => note.StartsWith("ppo_step_lora is left out: ")).And.Contain(note => note.StartsWith("ppo_step_mixed is left out: "));
        notes.Should().Contain("load_peak_bf16 is left out: the model has less than 32 MB of weights");
        notes.Should().Contain("activations_4x256_f32 is left out: the inputs of the model's blocks have less than 8 MB");
        var json = JsonSerializer.SerializeToNode(report)!;
        json["floors"]!.AsObject().Select(floor => floor.Key).Should().Equal("gemm_f32_gflops", "gemm_bf16_gflops", "read_gbps", "copy_gbps");
        json["figures"]![0]!.AsObject().Select(key => key.Key).Should().Equal("name", "value", "unit", "share");
    }

    [Fact]
    public void Run_NamedFigures_MeasuresOnlyThose()
    {
        using var directory = SmallModel();
        var report = new SpeedBench(directory.Path, torch.CPU, _ => { }) { Floors = () => Floors }.Run(["optimizer_f32", "decode_b1_f32"]);
        report.Figures.Select(figure => figure.Name).Should().Equal("decode_b1_f32", "optimizer_f32");
    }

    internal static TemporaryDirectory SmallModel(int vocabulary = 64, torch.ScalarType dtype = torch.ScalarType.Float32, int layers = 1, int hidden = 32)
    {
        var config = new ModelConfig
        {
            ModelType = "llama",
            VocabSize = vocabulary,
            HiddenSize = hidden,
            IntermediateSize = 2 * hidden,
            NumHiddenLayers = layers,
            NumAttentionHeads = 2,
            NumKeyValueHeads = 1,
            HeadDim = 16,
            MaxPositionEmbeddings = 512,
            RmsNormEps = 1e-5,
            RopeTheta = 10_000,
            TieWordEmbeddings = true,
        };
        var directory = new TemporaryDirectory();
        using var model = CausalLM.Create(config, new RandomSource(1), dtype);
        model.Save(directory.Path);
        return directory;
    }
}
