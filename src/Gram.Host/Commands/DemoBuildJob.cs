using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gram.Host.Configuration;
using Gram.Host.Demo;
using Gram.Host.Hosting;
using Gram.Pipes.Events;
using Gram.Training.Runs;

namespace Gram.Host.Commands;

/// <summary>Makes the embedded default again, from nothing.</summary>
internal sealed class DemoBuildJob(CommonOptions common, Engine engine, IPublisher<StepLogged> steps, IPublisher<Notice> notices) : IJob
{
    public async Task<JobResult> RunAsync(CancellationToken cancellationToken)
    {
        notices.Publish(new Notice($"building the help desk's policy and judge on {engine.Device}"));
        var result = await new DemoBuild(common.Seed, steps, notices).RunAsync(common.OutputDir!, cancellationToken);
        var json = new JsonObject
        {
            ["policy"] = result.Policy,
            ["judge"] = result.Judge,
            ["judge_accuracy"] = JsonSerializer.SerializeToNode(result.JudgeAccuracy),
            ["order_disagreement"] = result.OrderDisagreement,
            ["gold"] = JsonSerializer.SerializeToNode(result.Gold),
            ["bytes"] = result.Bytes,
            ["seconds"] = result.Seconds,
        };
        return new JobResult(json, string.Create(CultureInfo.InvariantCulture, $"""
            judge       {PpoReport.Of(result.JudgeAccuracy)} of held-out pairs right, order disagreement {result.OrderDisagreement:0.000}
            policy      gold score {PpoReport.Of(result.Gold)}
            size        {result.Bytes / 1e6:0.0} MB
            time        {result.Seconds:0} s

            {result.Policy}
            {result.Judge}
            To ship them, copy both folders over those in src/Gram.Host/Demo/Models.
            """));
    }
}
