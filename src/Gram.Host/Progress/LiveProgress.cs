using System.Globalization;
using Gram.Ppo.Events;
using Gram.Training.Runs;
using Spectre.Console;

namespace Gram.Host.Progress;

/// <summary>A live table of the last steps under a line that says where the run is; notices scroll by.</summary>
internal sealed class LiveProgress : ProgressView
{
    private const int Rows = 12;
    private readonly IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
    private readonly Queue<(int Step, Dictionary<string, string> Cells)> last = new();
    private IReadOnlyList<string> titles = [];
    private TaskCompletionSource? ended;
    private Task live = Task.CompletedTask;
    private LiveDisplayContext? context;
    private string? job;
    private string stage = "", left = "";

    public override void Handle(StepLogged message)
    {
        if (message.Job != job) Start(message.Job);
        var cells = ProgressColumns.Of(message.Metrics).ToDictionary(column => column.Title, column => column.Text);
        if (cells.Keys.Except(titles).Any()) titles = [.. ProgressColumns.Titles.Where(title => titles.Contains(title) || cells.ContainsKey(title))];
        last.Enqueue((message.Step, cells));
        if (last.Count > Rows) last.Dequeue();
        (stage, left) = ("", $", {ProgressColumns.TimeLeft(message)} left");
        Show(message.Step, message.TotalSteps);
    }

    public override void Handle(StageStarted message)
    {
        if (job != "ppo") Start("ppo");
        stage = $", {message.Stage}";
        Show(message.Step, message.TotalSteps);
    }

    public override void Handle(Notice message) => console.MarkupLine(message.IsWarning ? $"[yellow]{Markup.Escape(message.Text)}[/]" : Markup.Escape(message.Text));

    public override async ValueTask DisposeAsync()
    {
        ended?.TrySetResult();
        await live;
    }

    private void Show(int step, int totalSteps)
    {
        var table = new Table().Title(Markup.Escape($"{job} {step}/{totalSteps}{stage}{left}")).RoundedBorder().AddColumn(new TableColumn("step").RightAligned());
        foreach (var title in titles) table.AddColumn(new TableColumn(Markup.Escape(title)).RightAligned());
        foreach (var (number, row) in last) table.AddRow([number.ToString(CultureInfo.InvariantCulture), .. titles.Select(title => row.GetValueOrDefault(title, ""))]);
        context!.UpdateTarget(table);
    }

    /// <summary>Begins a table for another job.</summary>
    private void Start(string name)
    {
        ended?.TrySetResult();
        live.GetAwaiter().GetResult();
        (job, left) = (name, "");
        last.Clear();
        titles = [];
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
