using Gram.Pipes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gram.Host.Hosting;

/// <summary>How the job ended: with a result, or with an error.</summary>
internal sealed class JobOutcome
{
    public JobResult? Result { get; set; }
    public Exception? Error { get; set; }
}

/// <summary>Runs the command's job on the device's thread, then ends the program. Stopping the host cancels the job and waits for it.</summary>
internal sealed partial class JobService(IServiceProvider services, JobOutcome outcome, IHostApplicationLifetime lifetime, ILogger<JobService> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            // The job is made on that thread too: making it loads the engine.
            outcome.Result = await DeviceThread.RunAsync(() => services.GetRequiredService<IJob>().RunAsync(stoppingToken));
        }
        catch (Exception error)
        {
            outcome.Error = error;
            LogEnded(error);
        }
        finally
        {
            lifetime.StopApplication();
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "the job ended with an error")]
    private partial void LogEnded(Exception error);
}
