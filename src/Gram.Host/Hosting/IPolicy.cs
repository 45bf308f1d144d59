using Gram.Models.Generation;
using Gram.Pipes.Events;
using Gram.Reward.Data;
using Gram.Training.Runs;

namespace Gram.Host.Hosting;

/// <summary>What answers a command's prompts: a model in this process, or one elsewhere.</summary>
internal interface IPolicy : IDisposable
{
    /// <summary>Answers of each prompt, in the prompts' order. Progress counts prompts.</summary>
    /// <param name="prompts">The prompts.</param>
    /// <param name="sampling">How tokens are drawn.</param>
    /// <param name="samples">Samples of each prompt; null: its one greedy answer.</param>
    /// <param name="seed">Seed of the draws.</param>
    /// <param name="steps">Hears of progress where there are several prompts.</param>
    /// <param name="onToken">Hears of each token as it is drawn; nothing of those that are drawn elsewhere.</param>
    /// <param name="cancellationToken">Gives up.</param>
    Task<PolicyAnswers> AnswerAsync(IReadOnlyList<Prompt> prompts, SamplingOptions sampling, int? samples, ulong seed, IPublisher<StepLogged> steps, Action<GeneratedToken>? onToken, CancellationToken cancellationToken);
}

/// <summary>What a policy answered.</summary>
/// <param name="Texts">The answers of each prompt.</param>
/// <param name="Tokens">Tokens of all of them; elsewhere, as far as the server counts them.</param>
internal sealed record PolicyAnswers(IReadOnlyList<IReadOnlyList<string>> Texts, long Tokens);
