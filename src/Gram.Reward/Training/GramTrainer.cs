using Gram.Pipes.Events;
using Gram.Training.Runs;
using static TorchSharp.torch;

namespace Gram.Reward.Training;

/// <summary>Trains a GRAM judge: stage 1 (next tokens of both answers) or stage 2 (the label).</summary>
public sealed class GramTrainer
{
    /// <summary>A run. dtype: what is computed in; null = bfloat16 where the options ask for it or the device is CUDA, else float32.</summary>
    public GramTrainer(GramTrainingOptions options, IPublisher<StepLogged> steps, IPublisher<Notice> notices, Device? device = null, ScalarType? dtype = null) => throw new NotImplementedException();

    /// <summary>Trains and writes the model. Cancelled: writes a checkpoint, then throws OperationCanceledException.</summary>
    /// <exception cref="Models.GramException">An option, a file or a row is wrong.</exception>
    /// <exception cref="RunStoppedException">A guard stopped the run.</exception>
    public Task<GramTrainingResult> RunAsync(CancellationToken cancellationToken = default) => throw new NotImplementedException();
}
