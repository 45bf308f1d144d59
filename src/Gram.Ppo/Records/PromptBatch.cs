using Gram.Reward.Data;

namespace Gram.Ppo.Records;

/// <summary>A prompt as the policy reads it.</summary>
/// <param name="Index">Its place in the run's prompts.</param>
/// <param name="Prompt">The row.</param>
/// <param name="Question">The judge's {question}.</param>
/// <param name="Tokens">The policy's token ids, rendered by its template.</param>
public sealed record PolicyPrompt(int Index, Prompt Prompt, string Question, int[] Tokens);

/// <summary>The prompts of one PPO step.</summary>
/// <param name="Step">1-based PPO step.</param>
/// <param name="Prompts">Its prompts.</param>
public sealed record PromptBatch(int Step, IReadOnlyList<PolicyPrompt> Prompts);
