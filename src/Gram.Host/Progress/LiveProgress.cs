using System.Diagnostics;
using Gram.Training.Runs;
using Spectre.Console;

namespace Gram.Host.Progress;

/// <summary>A live table of the last steps, with a line of progress above it; notices scroll by.</summary>
internal sealed class LiveProgress : ProgressView
{
    private const int Rows = 12;
    private readonly IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
    private readonly Stopwatch clock = Stopwatch.StartNew();
    private readonly Queue<(int Step, Dictionary<string, string> Cells)> last = new();
    private readonly List<string> titles = [];
    private TaskCompletionSource? ended;
    private Task live = Task.CompletedTask;
    private LiveDisplayContext? context;
    private string? job;
    private int firstStep;

    public override void Handle(StepLogged message)
    {
        if (message.Job != job) Start(message);
        var cells = ProgressColumns.Of(message.Metrics).ToDictionary(column => column.Title, column => column.Text);
        titles.AddRange(cells.Keys.Except(titles));
        last.Enqueue((message.Step, cells));
        if (last.Count > Rows) last.Dequeue();
        var left = ProgressColumns.TimeLeft(clock.Elapsed, message.Step - firstStep, message.TotalSteps - message.Step);
        var table = new Table().Title($"{Markup.Escape(message.Job)} {message.Step}/{message.TotalSteps}, {left} left").RoundedBorder().AddColumn(new TableColumn("step").RightAligned());
        foreach (var title in titles) table.AddColumn(new TableColumn(Markup.Escape(title)).RightAligned());
        foreach (var (step, row) in last) table.AddRow([step.ToString(System.Globalization.CultureInfo.InvariantCulture), .. titles.Select(title => row.GetValueOrDefault(title, ""))]);
        context!.UpdateTarget(table);
        context.Refresh();
    }

    public override void Handle(Notice message) => console.MarkupLine(message.IsWarning ? $"[yellow]{Markup.Escape(message.Text)}[/]" : Markup.Escape(message.Text));

    public override async ValueTask DisposeAsync()
    {
        ended?.TrySetResult();
        await live;
    }

    private void Start(StepLogged message)
    {
        ended?.TrySetResult();
        live.GetAwaiter().GetResult();
        (job, firstStep) = (message.Job, message.Step - 1);
        clock.Restart();
        last.Clear();
        titles.Clear();
        var (end, started) = (new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously), new TaskCompletionSource<LiveDisplayContext>());
        // On the pool: the display waits there until the job's last step, while the job goes on here.
        live = Task.Run(() => console.Live(new Text("")).StartAsync(async display =>
        {
            started.SetResult(display);
            await end.Task;
        }));
        (ended, context) = (end, started.Task.GetAwaiter().GetResult());
    }
}
