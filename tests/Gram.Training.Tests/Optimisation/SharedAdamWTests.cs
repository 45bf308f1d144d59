using Gram.Training.Optimisation;
using Gram.Training.Parallel;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Training.Tests.Optimisation;

public sealed class SharedAdamWTests
{
    [Fact]
    public async Task Moments_InSeveralProcesses_AreSharedOutEvenly()
    {
        int[] sizes = [100, 60, 50, 40, 30, 20];

        var held = await ThreadGroup.RunAsync(2, group =>
        {
            using var scope = NewDisposeScope();
            using var optimiser = new AdamW(sizes.ToDictionary(size => $"w{size}", size => ones(size, requires_grad: true)), new AdamWOptions(), group: group);
            return Task.FromResult(optimiser.Held);
        });

        held[0].Concat(held[1]).Should().BeEquivalentTo(sizes.Select(size => $"w{size}"), "each weight has one owner");
        held.Select(names => names.Sum(name => int.Parse(name[1..], System.Globalization.CultureInfo.InvariantCulture))).Should().Equal(160, 140);
    }

    [Fact]
    public async Task Step_OnSummedGradients_LeavesAllProcessesWithTheWeightsOfOne()
    {
        var alone = Steps(SoleProcess.Instance, [1, 2, 3, 4]);

        var shared = await ThreadGroup.RunAsync(2, group => Task.FromResult(Steps(group, group.Leads() ? [1, 3] : [2, 4])));

        shared[0].Should().Equal(shared[1]);
        shared[0].Zip(alone, (ours, theirs) => Math.Abs(ours - theirs)).Should().OnlyContain(gap => gap < 1e-6);
    }

    [Fact]
    public async Task Step_WhereOneProcessHasNoGradient_TakesTheOthers()
    {
        var alone = Steps(SoleProcess.Instance, [1, 2]);

        var shared = await ThreadGroup.RunAsync(2, group => Task.FromResult(Steps(group, group.Leads() ? [1, 2] : [])));

        shared[1].Should().Equal(alone);
    }

    /// <summary>Three steps on losses Σ factor · w³.</summary>
    private static float[] Steps(IProcessGroup group, float[] factors)
    {
        using var scope = NewDisposeScope();
        var weights = new Dictionary<string, Tensor> { ["a"] = tensor([1f, -2], requires_grad: true), ["b"] = tensor([0.5f], requires_grad: true), ["c.bias"] = tensor([3f], requires_grad: true) };
        using var optimiser = new AdamW(weights, new AdamWOptions { WeightDecay = 0.1 }, group: group);
        for (var step = 0; step < 3; step++)
        {
            foreach (var factor in factors)
            {
                (factor * weights.Values.Select(weight => weight.pow(3).sum()).Aggregate((x, y) => x + y)).backward();
                optimiser.Accumulate();
            }
            optimiser.SumOverProcesses();
            optimiser.Step(0.01, optimiser.GradNorm());
        }
        return [.. weights.Values.SelectMany(weight => weight.data<float>().ToArray())];
    }
}
