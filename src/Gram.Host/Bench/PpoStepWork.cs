using Gram.Models.Checkpoints;
using TorchSharp;

namespace Gram.Host.Bench;

/// <summary>
/// What a PPO step cannot avoid, stage by stage. A sequence's last token predicts nothing: its forward ends before it. Arithmetic of a
/// training step is that of three forwards; of two where the weights are frozen and only gradients of activations are made, and three of
/// the adapter's own products.
/// </summary>
/// <param name="config">The models' shape.</param>
/// <param name="prompts">Tokens of each prompt, which gets one greedy and one sampled response.</param>
/// <param name="response">Tokens of each response.</param>
/// <param name="decodeBytes">Bytes of weights that a decode step reads.</param>
/// <param name="trained">What is trained.</param>
internal sealed class PpoStepWork(ModelConfig config, IReadOnlyList<int> prompts, int response, double decodeBytes, PpoStepWeights trained)
{
    private const double OptimizerBytes = 28; // a number: weights, gradients and two moments read, all but the gradients written

    private readonly ModelWork work = new(config);

    /// <summary>Terms of a stage's floor.</summary>
    /// <param name="stage">generate, judge, score or update; none of the others has any.</param>
    /// <param name="floors">The machine.</param>
    /// <param name="dtype">What is computed in.</param>
    /// <param name="judged">The judge's prompts.</param>
    public IReadOnlyList<BenchTerm> Terms(string stage, MachineFloors floors, torch.ScalarType dtype, int[][] judged)
    {
        return stage switch
        {
            "generate" => [Arithmetic("prefill", work.Forward(prompts.Sum(), prompts.Count, prompts.Sum(length => ModelWork.Causal(1, length)))), new("decode", Decode(floors, dtype))],
            "judge" => [Arithmetic("prompts", JudgeSpeed.Work(config, judged))],
            "score" => [Arithmetic("policy", Policy), Arithmetic("reference", Policy), .. trained.ValueTrunk ? [Arithmetic("value", Value)] : (BenchTerm[])[]],
            "update" =>
            [
                Arithmetic("policy", (trained.Frozen ? 2 : 3) * Policy),
                .. trained.Frozen ? [Arithmetic("adapter", 3 * 2.0 * trained.Policy * Tokens)] : (BenchTerm[])[],
                .. trained.ValueTrunk ? [Arithmetic("value", 3 * Value)] : (BenchTerm[])[],
                new("optimizer", OptimizerBytes * (trained.Policy + trained.Value) / (1e9 * floors.CopyGbps)),
            ],
            _ => [],
        };

        BenchTerm Arithmetic(string name, double operations) => new(name, operations / floors.Gemm(dtype));
    }

    // The greedy answer and the sample of each prompt; their first token comes from the prefill.
    private double Decode(MachineFloors floors, torch.ScalarType dtype) => Enumerable.Range(1, response - 1).Sum(step =>
        Math.Max(decodeBytes / (1e9 * floors.ReadGbps), work.Forward(2 * prompts.Count, 2 * prompts.Count, 2.0 * prompts.Sum(length => length + step)) / floors.Gemm(dtype)));

    private double Policy => work.Forward(Tokens, prompts.Count * response, Attended);

    private double Value => work.Forward(Tokens, 0, Attended);

    private long Tokens => prompts.Sum(length => length + response - 1);

    private double Attended => prompts.Sum(length => ModelWork.Causal(1, length + response - 1));
}

/// <summary>What a step trains, in numbers.</summary>
/// <param name="Policy">Numbers of the policy that are trained: all of its weights, or an adapter's.</param>
/// <param name="Value">Those of the value model.</param>
/// <param name="Frozen">Whether the policy is an adapter over frozen weights.</param>
/// <param name="ValueTrunk">Whether the value model has a trunk of its own.</param>
internal readonly record struct PpoStepWeights(long Policy, long Value, bool Frozen, bool ValueTrunk);
