using System.Net;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Gram.Host.Configuration;
using Gram.Host.Hosting;
using Gram.Models;
using Gram.Models.Speed;
using Gram.Models.Tokenization;
using Gram.Pipes;
using Gram.Pipes.Events;
using Gram.Reward.Remote;
using Gram.Reward.Serving;
using Gram.Serving;
using Gram.Serving.Keys;
using Gram.Serving.References;
using Gram.Serving.Telemetry;
using Gram.Training.Runs;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace Gram.Host.Commands;

/// <summary>The judge over HTTP, until the program is told to stop: then what is under way is answered, and nothing more is taken. SIGHUP loads the judge anew.</summary>
internal sealed class ServeJob(ServeOptions options, JudgeOptions judging, CommonOptions common, Engine engine, ModelFinder models, IPublisher<Notice> notices) : IJob
{
    public async Task<JobResult> RunAsync(CancellationToken cancellationToken)
    {
        var keys = options.ApiKeys is { } file ? ApiKeys.Read(file) : ApiKeys.None;
        var template = options.Template is { } name ? ChatTemplate.ByName(name) : null;
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls([.. options.Addresses]);
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton<IHostLifetime, ProgramLifetime>().Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(options.ShutdownSeconds));
        AddLogging(builder.Logging);
        await AddJudgeAsync(builder.Services, cancellationToken);
        builder.Services.AddRewardServer(new RewardServerOptions
        {
            ModelName = Name,
            MaxBodyBytes = options.MaxBodyBytes,
            MaxTextLength = options.MaxTextLength,
            MaxPairs = options.MaxPairs,
            Template = template,
            RewardTransform = options.RewardTransform,
            RewardClip = options.RewardClip,
            MarkerPenalty = options.MarkerPenalty,
            LogTexts = options.LogTexts,
        }, keys);
        if (options.ReferenceFile is { } references) builder.Services.AddSingleton<IReferenceAnswers>(new ReferenceFile(references));
        if (options.ReferenceModel is { } model)
        {
            var policy = await models.PolicyAsync(model, adapter: null, cancellationToken);
            builder.Services.AddSingleton(_ => new ReferenceModel(policy, options.ReferenceMaxNewTokens, engine, common)).AddSingleton<IReferenceAnswers>(provider => provider.GetRequiredService<ReferenceModel>());
        }

        await using var app = builder.Build();
        app.MapRewardServer();
        await ServeAsync(app, keys, cancellationToken);
        return Result(app.Services.GetRequiredService<ServingTelemetry>());
    }

    /// <summary>The judge as messages and answers name it.</summary>
    private string Name => judging.RewardModel.Length > 0 ? judging.RewardModel : judging.Remote.BaseUrl!;

    private async Task AddJudgeAsync(IServiceCollection services, CancellationToken cancellationToken)
    {
        if (judging.Remote.BaseUrl is not null)
        {
            var batches = new BatchOptions { MaxItems = options.MaxBatchPairs, Gather = TimeSpan.FromMilliseconds(options.GatherMs), MaxWaiting = options.MaxWaitingPairs };
            services.AddSingleton(_ => new ServedJudge(OpenRemoteAsync, batches)).AddHostedService(provider => provider.GetRequiredService<ServedJudge>());
            return;
        }
        var location = await models.JudgeAsync(judging.RewardModel, judging.RewardModelAdapters, cancellationToken);
        services.AddGramJudge(location.Directory, judge =>
        {
            judge.Adapter = location.Adapter;
            judge.DType = engine.InferenceDType(Workload.Scoring);
            judge.Device = engine.Device;
            judge.QuantizationBit = judging.RewardModelQuantizationBit;
            judge.PrefixCacheMb = options.PrefixCacheMb;
            judge.MaxPairs = options.MaxBatchPairs;
            judge.MaxBatchTokens = options.MaxBatchTokens;
            judge.GatherMs = options.GatherMs;
            judge.MaxWaitingPairs = options.MaxWaitingPairs;
        });
    }

    private async Task<LoadedJudge> OpenRemoteAsync(CancellationToken cancellationToken)
    {
        var judge = await RemoteJudge.OpenAsync(judging.Remote.Options(judging.RewardModel), cancellationToken);
        return new LoadedJudge(judge, judge.Config) { Fingerprint = judge.Fingerprint };
    }

    private async Task ServeAsync(WebApplication app, ApiKeys keys, CancellationToken cancellationToken)
    {
        app.Services.GetService<ReferenceModel>(); // loaded now, not at the first request
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch (Exception error) when (error is IOException or System.Net.Sockets.SocketException or InvalidOperationException or FormatException)
        {
            throw new GramException($"the server cannot listen on {string.Join(", ", options.Addresses)}: {error.Message.TrimEnd('.')}; choose another --port, or --urls", error);
        }
        notices.Publish(new Notice($"{Name} judges on {string.Join(", ", app.Urls)}; {RewardServer.OpenApiPath} describes the paths"));
        if (!keys.AreNeeded && app.Urls.Any(IsReachable)) notices.Publish(new Notice("whoever reaches this machine can use the server: give it keys (api_keys)", IsWarning: true));
        using var hangup = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal =>
        {
            signal.Cancel = true;
            _ = Task.Run(() => ReloadAsync(app), CancellationToken.None);
        });
        var stopped = new TaskCompletionSource();
        await using (cancellationToken.Register(stopped.SetResult)) await stopped.Task;
        notices.Publish(new Notice("stopping: answering what is under way"));
        await app.StopAsync(CancellationToken.None);
    }

    private async Task ReloadAsync(WebApplication app)
    {
        try
        {
            await app.Services.GetRequiredService<ServedJudge>().ReloadAsync(CancellationToken.None);
            notices.Publish(new Notice($"{Name} is loaded anew"));
        }
        catch (GramException error)
        {
            notices.Publish(new Notice($"the judge stays as it was: {error.Message}", IsWarning: true));
        }
    }

    private void AddLogging(ILoggingBuilder logging)
    {
        if (options.LogFormat == "json") logging.AddJsonConsole(console => console.IncludeScopes = true);
        else logging.AddSimpleConsole(console => (console.SingleLine, console.TimestampFormat) = (true, "HH:mm:ss "));
        logging.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        // What stops a start is said in one line of its own.
        logging.SetMinimumLevel(LogLevel.Warning).AddFilter("Gram", LogLevel.Information).AddFilter("Microsoft.Extensions.Hosting", LogLevel.None);
    }

    private static JobResult Result(ServingTelemetry telemetry)
    {
        var (requests, pairs, seconds) = (telemetry.Requests, telemetry.Pairs, telemetry.Uptime.TotalSeconds);
        return new JobResult(new JsonObject { ["requests"] = requests, ["pairs"] = pairs, ["seconds"] = seconds }, $"{requests} requests, {pairs} pairs in {seconds:0} s");
    }

    private static bool IsReachable(string url) => Uri.TryCreate(url, UriKind.Absolute, out var uri) && uri.Host != "localhost" && !(IPAddress.TryParse(uri.Host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));

    /// <summary>The program's own host hears the signals.</summary>
    private sealed class ProgramLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
