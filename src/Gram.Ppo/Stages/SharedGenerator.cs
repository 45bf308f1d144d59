using Gram.Models;
using Gram.Models.Generation;
using Gram.Training.Parallel;

namespace Gram.Ppo.Stages;

/// <summary>Generates each prompt's responses in one of a run's processes, and has all of them in all.</summary>
/// <param name="generator">Over the policy.</param>
/// <param name="group">The run's processes.</param>
public sealed class SharedGenerator(Generator generator, IProcessGroup group)
{
    /// <summary>The same responses as of one process: each sample has a generator of its own, wherever it is drawn.</summary>
    /// <inheritdoc cref="Generator.Generate(IReadOnlyList{int[]}, SamplingOptions, bool, int, RandomSource, int, bool, Action{GeneratedToken}, CancellationToken)"/>
    public IReadOnlyList<GeneratedGroup> Generate(
        IReadOnlyList<int[]> prompts, SamplingOptions options, bool greedy, int samples, RandomSource random, int maxRows, bool withLogProbs = false, CancellationToken cancellationToken = default)
    {
        var (from, to) = group.Part(prompts.Count);
        Skip(from);
        var own = generator.Generate([.. prompts.Skip(from).Take(to - from)], options, greedy, samples, random, maxRows, withLogProbs, cancellationToken: cancellationToken);
        Skip(prompts.Count - to);
        return group.Join(own);

        void Skip(int others)
        {
            for (var draw = 0; draw < others * samples; draw++) random.Fork();
        }
    }
}
