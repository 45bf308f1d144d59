using Gram.Host.Configuration;
using Gram.Reward.Data;

namespace Gram.Host.Commands;

/// <summary>The prompts that a command's keys name.</summary>
internal static class PromptReader
{
    public static IReadOnlyList<Prompt> Read(PromptOptions options) =>
        options.Prompt is { } text ? [new Prompt(text)] : [.. PromptFile.Read(options.Input!).Take(options.MaxSamples ?? int.MaxValue)];
}
