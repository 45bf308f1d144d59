using System.Diagnostics;
using Gram.Models.Generation;
using Gram.Pipes.Events;
using Gram.Reward.Data;
using Gram.Reward.Remote;
using Gram.Training.Runs;

namespace Gram.Host.Hosting;

/// <summary>A model that answers elsewhere.</summary>
/// <param name="generator">Its server; owned.</param>
internal sealed class RemotePolicy(RemoteGenerator generator) : IPolicy
{
    public async Task<PolicyAnswers> AnswerAsync(
        IReadOnlyList<Prompt> prompts, SamplingOptions sampling, int? samples, ulong seed, IPublisher<StepLogged> steps, Action<GeneratedToken>? onToken, CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        var texts = await generator.AnswerAsync(prompts, sampling, samples ?? 1, greedy: samples is null, seed, prompts.Count == 1 ? null : Ended, cancellationToken);
        return new PolicyAnswers(texts, generator.Tokens);

        void Ended(int done) =>
            steps.Publish(new StepLogged("generate", done, prompts.Count, new Dictionary<string, double> { ["tokens_per_s"] = generator.Tokens / clock.Elapsed.TotalSeconds }));
    }

    public void Dispose() => generator.Dispose();
}
