using Gram.Host.Configuration;
using Gram.Models;
using Gram.Models.Generation;
using Gram.Models.Transformer;
using Gram.Pipes;
using Gram.Pipes.Events;
using Gram.Reward.Data;
using Gram.Serving.References;
using Gram.Training.Runs;

namespace Gram.Host.Hosting;

/// <summary>A model whose greedy answers the server judges against.</summary>
internal sealed class ReferenceModel : IReferenceAnswers, IAsyncDisposable
{
    private readonly TextModel model;
    private readonly GreedyReferences references;

    public ReferenceModel(ModelLocation location, int maxNewTokens, Engine engine, CommonOptions common)
    {
        model = new TextModel(location, new ModelOptions(), engine);
        var sampling = new SamplingOptions { MaxNewTokens = maxNewTokens };
        references = new GreedyReferences((prompts, cancelled) => ValueTask.FromResult<IReadOnlyList<string>>(
            [.. model.Generate(prompts, sampling, greedy: true, samples: 0, new RandomSource(common.Seed), Silent.Instance, onToken: null, cancelled).Select(group => group.Greedy!.Text!)]), new BatchOptions());
    }

    public ValueTask<string?> FindAsync(Prompt prompt, CancellationToken cancellationToken) => references.FindAsync(prompt, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await references.DisposeAsync();
        model.Dispose();
    }

    /// <summary>A server shows no progress of a batch.</summary>
    private sealed class Silent : IPublisher<StepLogged>
    {
        public static Silent Instance { get; } = new();

        public void Publish(StepLogged message) { }
    }
}
