using Gram.Pipes.Events;
using Gram.Training.Runs;

namespace Gram.Ppo.Events;

/// <summary>Where a PPO run publishes.</summary>
/// <param name="Steps">Metrics of each logged step under TRL's names.</param>
/// <param name="Notices">Lines for the person who watches.</param>
/// <param name="Samples">A few judged responses of each logged step.</param>
/// <param name="Stages">The stage that begins.</param>
public sealed record PpoEvents(
    IPublisher<StepLogged> Steps,
    IPublisher<Notice> Notices,
    IPublisher<SamplesLogged> Samples,
    IPublisher<StageStarted> Stages)
{
    /// <summary>Where nobody listens.</summary>
    internal static PpoEvents Unheard => new(new EventBroker<StepLogged>(), new EventBroker<Notice>(), new EventBroker<SamplesLogged>(), new EventBroker<StageStarted>());
}
