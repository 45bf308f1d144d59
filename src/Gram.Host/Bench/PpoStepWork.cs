using Gram.Models.Checkpoints;
using TorchSharp;

namespace Gram.Host.Bench;

/// <summary>
/// What a PPO step with a value model of its own cannot avoid, stage by stage. A sequence's last token predicts nothing: its forward ends before
/// it. Arithmetic of a training step is that of three forwards.
/// </summary>
/// <param name="config">The models' shape.</param>
/// <param name="rows">Sampled responses.</param>
/// <param name="prompt">Tokens of each prompt.</param>
/// <param name="response">Tokens of each response.</param>
/// <param name="decodeBytes">Bytes of weights that a decode step reads.</param>
/// <param name="parameters">Numbers of the policy.</param>
/// <param name="valueParameters">Numbers of the value model.</param>
internal sealed class PpoStepWork(ModelConfig config, int rows, int prompt, int response, double decodeBytes, long parameters, long valueParameters)
{
    private const double OptimizerBytes = 28; // a number: weights, gradients and two moments read, all but the gradients written

    private readonly ModelWork work = new(config);

    /// <summary>Terms of a stage's floor.</summary>
    /// <param name="stage">generate, judge, score or update; none of the others has any.</param>
    /// <param name="floors">The machine.</param>
    /// <param name="dtype">What is computed in.</param>
    /// <param name="judged">The judge's prompts.</param>
    public IReadOnlyList<BenchTerm> Terms(string stage, MachineFloors floors, torch.ScalarType dtype, int[][] judged) => stage switch
    {
        "generate" => [new("prefill", work.Forward(rows * prompt, rows, ModelWork.Causal(rows, prompt)) / floors.Gemm(dtype)), new("decode", Decode(floors, dtype))],
        "judge" => [new("prompts", JudgeSpeed.Work(config, judged) / floors.Gemm(dtype))],
        "score" => [new("policy", Policy / floors.Gemm(dtype)), new("reference", Policy / floors.Gemm(dtype)), new("value", Value / floors.Gemm(dtype))],
        "update" =>
        [
            new("policy", 3 * Policy / floors.Gemm(dtype)), new("value", 3 * Value / floors.Gemm(dtype)),
            new("optimizer", OptimizerBytes * (parameters + valueParameters) / (1e9 * floors.CopyGbps)),
        ],
        _ => [],
    };

    // The greedy answer and the sample of each prompt; their first token comes from the prefill.
    private double Decode(MachineFloors floors, torch.ScalarType dtype) => Enumerable.Range(1, response - 1).Sum(step =>
        Math.Max(decodeBytes / (1e9 * floors.ReadGbps), work.Forward(2 * rows, 2 * rows, 2.0 * rows * (prompt + step)) / floors.Gemm(dtype)));

    private double Policy => work.Forward(rows * (prompt + response - 1), rows * response, ModelWork.Causal(rows, prompt + response - 1));

    private double Value => work.Forward(rows * (prompt + response - 1), 0, ModelWork.Causal(rows, prompt + response - 1));
}
