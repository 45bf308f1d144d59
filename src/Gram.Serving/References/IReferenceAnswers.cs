using Gram.Reward.Data;

namespace Gram.Serving.References;

/// <summary>Where the answers come from that a trainer's answers are judged against, if the request brings none.</summary>
public interface IReferenceAnswers
{
    /// <summary>The reference answer to a prompt, or null where there is none.</summary>
    ValueTask<string?> FindAsync(Prompt prompt, CancellationToken cancellationToken);
}
