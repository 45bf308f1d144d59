using Gram.Host.Commands;
using Gram.Host.Configuration;
using Gram.Host.Progress;
using Gram.Host.Reporting;
using Gram.Host.Runs;
using Gram.Models;
using Gram.Pipes.Events;
#if MESSAGEPIPE
using Gram.Pipes.MessagePipe;
#endif
using Gram.Ppo;
using Gram.Ppo.Events;
using Gram.Training.Parallel;
using Gram.Training.Runs;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace Gram.Host.Hosting;

/// <summary>The program: finds the command, checks its configuration, runs its job in a generic host, and says how it ended.</summary>
internal static class Application
{
    /// <summary>The program's version.</summary>
    public static string Version { get; } = typeof(Application).Assembly.GetName().Version!.ToString(3);

    /// <summary>Runs a command line, alone or as one of the processes that mpirun started, and returns the exit code.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        if (!OpenMpi.IsStarted) return await RunAsync(args, SoleProcess.Instance, Fail);
        Environment.SetEnvironmentVariable("TERM", "dumb"); // mpirun's output looks like a terminal, and would get a terminal's control codes
        OpenMpi group;
        try
        {
            group = OpenMpi.Join();
        }
        catch (GramException error)
        {
            return Fail(error);
        }
        using (group) return await RunAsync(args, group, error => MpiFailure.End(group, error));
    }

    private static async Task<int> RunAsync(string[] args, IProcessGroup group, Func<Exception, int> fail)
    {
        try
        {
            if (args is [] or ["help" or "-h" or "--help"])
            {
                Console.Out.Write(CommandTable.Help());
                return ExitCode.Done;
            }
            if (args is ["--version"])
            {
                Console.Out.WriteLine($"gram {Version}");
                return ExitCode.Done;
            }
            var (command, words) = CommandTable.Find(args);
            if (group.Size > 1 && command.Job != typeof(PpoJob)) throw new GramException($"gram {command.Name} runs in one process: start it without mpirun (ppo runs in several)");
            var schema = command.Schema;
            var arguments = CommandArguments.Parse(words, schema, command.Word);
            if (arguments.Help || (words.Count == 0 && !command.RunsBare))
            {
                Console.Out.Write(HelpText.Of(command));
                return ExitCode.Done;
            }
            return await RunAsync(command, RunStages.Load(command, arguments), group, fail);
        }
        catch (Exception error)
        {
            return fail(error);
        }
    }

    private static async Task<int> RunAsync(Command command, RunStages runs, IProcessGroup group, Func<Exception, int> fail)
    {
        var settings = runs.First;
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Logging.AddSimpleConsole(console => console.SingleLine = true).SetMinimumLevel(LogLevel.Warning);
        builder.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.Services.Configure<ConsoleLifetimeOptions>(console => console.SuppressStatusMessages = true);
        // A checkpoint may take longer than the host's 30 seconds.
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = Timeout.InfiniteTimeSpan);
        builder.Services.AddSingleton(settings).AddSingleton(runs).AddSingleton(group).AddSingleton<Engine>().AddSingleton<ModelFinder>().AddSingleton<JudgeOpener>().AddSingleton<PolicyOpener>().AddSingleton<BaselineJudging>().AddSingleton<ReportedRun>().AddSingleton<JobOutcome>().AddHostedService<JobService>();
#if MESSAGEPIPE
        builder.Services.AddMessagePipeEvents();
#endif
        builder.Services.AddPpoEvents();
        foreach (var options in command.Options)
        {
            var bound = settings.Get(options);
            if (options.Prefix.Length == 0) builder.Services.AddSingleton(options.Type, bound);
            else builder.Services.AddKeyedSingleton(options.Type, options.Prefix, bound);
        }
        builder.Services.AddSingleton(typeof(IJob), command.Job);

        using var host = builder.Build();
        var outcome = host.Services.GetRequiredService<JobOutcome>();
        await using (var progress = group.Leads() ? ProgressView.Create() : new PlainProgress(TextWriter.Null))
        {
            using var steps = host.Services.GetRequiredService<ISubscriber<StepLogged>>().Subscribe(progress);
            using var notices = host.Services.GetRequiredService<ISubscriber<Notice>>().Subscribe(progress);
            using var stages = host.Services.GetRequiredService<ISubscriber<StageStarted>>().Subscribe(progress);
            using var plugins = EventPlugins.Subscribe(group.Leads() ? settings.Get<RunOptions>().EventPlugins : [], host.Services);
            foreach (var note in runs.All.SelectMany(run => run.Notes).Distinct()) progress.Handle(new Notice(note));
            foreach (var change in runs.All.Select(ResumedRun.Changes).OfType<string>()) progress.Handle(new Notice(change, IsWarning: true));
            await host.RunAsync();
        }
        if (outcome.Error is { } error) return fail(error);
        if (!group.Leads()) return ExitCode.Done;
        var result = outcome.Result!;
        if (command.LeavesRun && result.Error is null) FinishedRun.Write(runs, result.Json);
        if (settings.Get<CommonOptions>().Json) Console.Out.WriteLine(result.JsonLine);
        else (result.DataOnOutput ? Console.Error : Console.Out).WriteLine(result.Text.TrimEnd());
        return result.Error is null ? ExitCode.Done : fail(result.Error);
    }

    /// <summary>Says how the program ended.</summary>
    internal static int Fail(Exception error)
    {
        Console.Error.WriteLine(ExitCode.Text(error));
        return ExitCode.Of(error);
    }
}
