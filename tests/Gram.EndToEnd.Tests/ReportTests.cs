using System.Globalization;

namespace Gram.EndToEnd.Tests;

/// <summary>A run of each command that leaves a report, and the browser that they are opened in.</summary>
public sealed class ReportedRuns(TinyModels tiny) : IAsyncLifetime
{
    /// <summary>The browser; null where there is none, and then nothing is run either.</summary>
    public HeadlessChromium? Browser { get; private set; }

    /// <summary>What the commands printed, by name.</summary>
    public Dictionary<string, ProgramRun> Runs { get; } = [];

    public async Task InitializeAsync()
    {
        if (HeadlessChromium.Program is null) return;
        Browser = await HeadlessChromium.StartAsync();
        string[] judge = ["--template", "none", "--gram_prompt", TinyModels.JudgeConfig.Prompt, "--gram_candidate_labels", "[\" A\",\" B\"]"];
        await RunAsync("ppo", "--model", tiny.Policy, "--reward_model", tiny.Judge, "--dataset", tiny.Prompts, "--eval_dataset", tiny.Prompts, "--max_steps", "3", "--eval_steps", "1", "--learning_rate", "1e-3", "--max_new_tokens", "8", "--per_device_train_batch_size", "2", "--ppo_buffer_size", "2");
        await RunAsync("train", ["--model", tiny.Policy, "--dataset", tiny.Pairs, "--eval_dataset", tiny.Pairs, "--gram_loss", "--max_steps", "3", "--logging_steps", "1", "--per_device_train_batch_size", "4", "--gradient_accumulation_steps", "1", .. judge]);
        await RunAsync("best-of-n", "--model", tiny.Policy, "--reward_model", tiny.Judge, "--input", tiny.Prompts, "--n", "1,2,4", "--max_new_tokens", "8");
        await RunAsync("eval", "pairs", "--dataset", tiny.Pairs, "--reward_model", tiny.Judge);
    }

    public async Task DisposeAsync()
    {
        if (Browser is not null) await Browser.DisposeAsync();
    }

    /// <summary>The file of a command's report.</summary>
    public string Report(string command) => Path.Combine(tiny.Root, "reported", command, "report.html");

    private async Task RunAsync(string command, params string[] args)
    {
        var run = await GramProgram.RunAsync(tiny.Root, [command, .. args, "--output_dir", Path.GetDirectoryName(Report(command))!, "--json"]);
        run.ExitCode.Should().Be(0, run.Error);
        Runs[command] = run;
    }
}

/// <summary>Every command's report as a browser shows it.</summary>
[Collection(ProgramTests.Name)]
public sealed class ReportTests(ReportedRuns runs) : IClassFixture<ReportedRuns>, IDisposable
{
    private readonly TemporaryDirectory folder = new();

    public void Dispose() => folder.Dispose();

    [SkippableFact]
    public async Task Ppo_InABrowser_ShowsItsFigures()
    {
        var (page, json) = (await OpenAsync("ppo"), runs.Runs["ppo"].Json);

        var results = (await page.RowsAsync("results")).ToDictionary(row => row[0], row => row[1]);
        var kl = json["kl"]!.GetValue<double>();
        double.Parse(results["KL from the reference, nats a response"], CultureInfo.InvariantCulture).Should().BeApproximately(kl, 1e-4 + (1e-2 * Math.Abs(kl)));
        results["win rate against the initial policy, by the judge"].Should().StartWith(json["win_rate"]!["judge"]!["mean"]!.GetValue<double>().ToString("0.000", CultureInfo.InvariantCulture));
        (await page.RowsAsync("examples")).Should().HaveCount(3);
        (await page.EvaluateAsync("document.querySelectorAll('[data-metric=\"objective/kl\"] circle').length"))!.GetValue<int>().Should().Be(3);
    }

    [SkippableFact]
    public async Task Train_InABrowser_ShowsItsFigures()
    {
        var (page, json) = (await OpenAsync("train"), runs.Runs["train"].Json);

        var results = (await page.RowsAsync("results")).ToDictionary(row => row[0], row => row[1]);
        results["mean training loss"].Should().Be(Number(json["train_loss"]!.GetValue<double>()));
        results["held-out accuracy"].Should().Be(Number(json["eval"]!["accuracy"]!.GetValue<double>()));
        (await page.EvaluateAsync("[...document.querySelectorAll('mark')].map(mark => mark.innerText.trim()).join('')"))!.GetValue<string>().Should().MatchRegex("^[AB]{3}$");
    }

    [SkippableFact]
    public async Task BestOfN_InABrowser_ShowsItsFigures()
    {
        var (page, json) = (await OpenAsync("best-of-n"), runs.Runs["best-of-n"].Json);

        var results = await page.RowsAsync("results");
        results.Select(row => row[0]).Should().Equal("1", "2", "4");
        for (var i = 0; i < results.Length; i++) results[i][1].Should().StartWith(json["win_rate"]![i]!["mean"]!.GetValue<double>().ToString("0.000", CultureInfo.InvariantCulture));
        (await page.RowsAsync("answers")).Should().HaveCount(3);
    }

    [SkippableFact]
    public async Task Eval_InABrowser_ShowsItsFigures()
    {
        var (page, json) = (await OpenAsync("eval"), runs.Runs["eval"].Json);

        (await page.RowsAsync("results"))[0][^1].Should().StartWith(json["overall"]!.GetValue<double>().ToString("0.00", CultureInfo.InvariantCulture));
        (await page.EvaluateAsync("document.querySelector('svg.reliability').getBoundingClientRect().width"))!.GetValue<double>().Should().BeGreaterThan(200);
    }

    /// <summary>Every page in the same frame, on a phone and in the dark: nothing sticks out to the side, and it is dark.</summary>
    [SkippableTheory]
    [InlineData("ppo")]
    [InlineData("train")]
    [InlineData("best-of-n")]
    [InlineData("eval")]
    public async Task AnyReport_OnAPhoneInTheDark_FitsAndIsDark(string command)
    {
        var page = await OpenAsync(command, width: 360, dark: true);

        (await page.EvaluateAsync("document.documentElement.scrollWidth"))!.GetValue<int>().Should().BeLessThanOrEqualTo(360);
        (await page.EvaluateAsync("getComputedStyle(document.body).backgroundColor"))!.GetValue<string>().Should().Be("rgb(13, 17, 23)");
        (await page.EvaluateAsync("[...document.querySelectorAll('svg')].every(svg => svg.getAttribute('aria-label'))"))!.GetValue<bool>().Should().BeTrue();
        (await page.RowsAsync("environment")).Select(row => row[0]).Should().Contain("processor");
        (await page.EvaluateAsync("document.querySelector('pre').innerText"))!.GetValue<string>().Should().Contain("seed:");
    }

    /// <summary>The check itself: a page with a script that complains, and a picture that is elsewhere.</summary>
    [SkippableFact]
    public async Task Console_OfAPageWithFaults_IsNotEmpty()
    {
        Skip.If(runs.Browser is null, "chromium is not installed (Debian's package chromium)");
        var path = folder.File("faulty.html");
        File.WriteAllText(path, "<!DOCTYPE html><title>x</title><img src=\"nowhere.png\"><script>console.error('no'); throw new Error('never')</script>");

        var page = await runs.Browser.OpenAsync(path);

        page.Console.Should().Contain(line => line.Contains("\"no\"")).And.Contain(line => line.StartsWith("exception:")).And.Contain(line => line.Contains("ERR_FILE_NOT_FOUND"));
        page.Requests.Should().HaveCount(2);
    }

    private async Task<BrowserPage> OpenAsync(string command, int width = 1200, bool dark = false)
    {
        Skip.If(runs.Browser is null, "chromium is not installed (Debian's package chromium)");
        var page = await runs.Browser.OpenAsync(runs.Report(command), width, dark);
        page.Console.Should().BeEmpty();
        page.Requests.Should().ContainSingle("it is one file");
        return page;
    }

    private static string Number(double value) => value.ToString("0.####", CultureInfo.InvariantCulture);
}
