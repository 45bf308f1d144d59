using Gram.Models.Native;
using Gram.Models.Transformer;
using Gram.Reward.Judging;
using Gram.Training.Memory;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.EndToEnd.Tests;

/// <summary>What only a CUDA device can show; scripts/gpu-check runs these.</summary>
[Collection(ProgramTests.Name)]
[Trait("Category", "Gpu")]
public sealed class CudaTests(TinyModels tiny)
{
    private static Device Cuda()
    {
        Skip.IfNot(Libtorch.Load().CudaAvailable, "there is no CUDA device");
        InitializeDeviceType(DeviceType.CUDA);
        return new Device(DeviceType.CUDA, 0);
    }

    [SkippableFact]
    public void Forward_OnCuda_EqualsTheCpus()
    {
        var device = Cuda();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var onCpu = CausalLM.Load(tiny.Policy);
        using var onCuda = CausalLM.Load(tiny.Policy, ScalarType.Float32, device);
        var tokens = tensor(Enumerable.Range(0, 48).Select(i => (long)(i * 7 % 300)).ToArray(), [2, 24]); // [rows, tokens]

        var expected = onCpu.Logits(onCpu.Hidden(tokens));
        var actual = onCuda.Logits(onCuda.Hidden(tokens.to(device))).cpu();

        (expected - actual).abs().max().ToSingle().Should().BeLessThan(1e-4f);
    }

    [SkippableFact]
    public async Task Judge_OnCuda_ScoresAsOnTheCpu()
    {
        var device = Cuda();
        AnswerPair[] pairs = [.. Enumerable.Range(0, 8).Select(i => new AnswerPair($"My phone {i} is broken.", "Please restart it.", $"No {i}."))];
        using var onCpu = GramJudge.Load(tiny.Judge);
        using var onCuda = GramJudge.Load(tiny.Judge, ScalarType.Float32, device);

        var expected = await onCpu.ScoreAsync(pairs);
        var actual = await onCuda.ScoreAsync(pairs);

        foreach (var (cpu, cuda) in expected.Zip(actual)) cuda.ScoreA.Should().BeApproximately(cpu.ScoreA, 1e-5);
    }

    [SkippableFact]
    public void FreeMemory_OfCuda_FallsByWhatIsTaken()
    {
        var device = Cuda();
        const long Taken = 512L << 20;
        using var warm = zeros(1, device: device);
        var before = FreeMemory.Of(device);

        using var large = zeros(Taken / sizeof(float), device: device);

        before.Should().BeGreaterThan(Taken);
        (before - FreeMemory.Of(device)).Should().BeInRange(Taken, 2 * Taken);
    }

    [SkippableTheory]
    [InlineData("float32")]
    [InlineData("bfloat16")]
    public async Task Ppo_OneStepOnCuda_LeavesAModel(string dtype)
    {
        Cuda();
        var run = await GramProgram.RunAsync(tiny.Root, "ppo", "--model", tiny.Policy, "--reward_model", tiny.Judge, "--dataset", tiny.Prompts, "--eval_dataset", tiny.Prompts,
            "--output_dir", Path.Combine(tiny.Root, $"cuda-{dtype}"), "--device", "cuda", "--dtype", dtype, "--max_steps", "1", "--max_new_tokens", "8", "--json");

        run.ExitCode.Should().Be(0, run.Error);
        File.Exists(Path.Combine(run.Json["model"]!.GetValue<string>(), "model.safetensors")).Should().BeTrue();
    }
}
