using Gram.Models;
using Gram.Pipes;
using Gram.Reward.Data;

namespace Gram.Serving.References;

/// <summary>Reference answers that a model gives greedily, several prompts at a time; each is kept, as long as there is room.</summary>
/// <param name="answer">Answers prompts, in their order; called on one thread alone.</param>
/// <param name="batches">How prompts are gathered.</param>
/// <param name="room">Answers that are kept.</param>
public sealed class GreedyReferences(Func<IReadOnlyList<Prompt>, CancellationToken, ValueTask<IReadOnlyList<string>>> answer, BatchOptions batches, int room = 100_000) : IReferenceAnswers, IAsyncDisposable
{
    private readonly BatchWorker<Prompt, string> worker = new(answer, batches) { IsCallers = error => error is GramException };
    private readonly Dictionary<string, Task<string>> known = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public async ValueTask<string?> FindAsync(Prompt prompt, CancellationToken cancellationToken)
    {
        Task<string>? task;
        lock (known)
        {
            if (!known.TryGetValue(prompt.Question, out task) || task.IsFaulted)
            {
                if (known.Count >= room) known.Clear();
                known[prompt.Question] = task = AskAsync(prompt);
            }
        }
        return await task.WaitAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => worker.DisposeAsync();

    /// <summary>Without the caller's token: others may wait for the same answer.</summary>
    private async Task<string> AskAsync(Prompt prompt) => (await worker.RunAsync([prompt], CancellationToken.None))[0];
}
