using System.Diagnostics;
using System.Diagnostics.Metrics;
using Gram.BestOfN;
using Gram.Models;
using Gram.Pipes.Events;
using Gram.Ppo;
using Gram.Ppo.Events;
using Gram.Reward.Data;
using Gram.Reward.Judging;
using Gram.Reward.Serving;
using Gram.Training.Configuration;
using Gram.Training.Runs;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Gram.Rl.Tests;

public sealed class ServicesTests
{
    [Fact]
    public async Task AddGramBestOfN_WithAJudgeOfOnesOwn_Ranks()
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Services.AddSingleton<IPairJudge, ShorterIsBetter>();
        builder.Services.AddGramBestOfN(new TournamentOptions { Method = "round_robin" });
        using var host = builder.Build();
        await host.StartAsync();

        var result = await host.Services.GetRequiredService<AnswerRanker>().RankAsync("What is 2 + 2?", ["four, I think", "4", "four"]);

        result.Ranking.Should().Equal(1, 2, 0);
        await host.StopAsync();
    }

    [Fact]
    public void AddGramPpo_FromConfiguration_HasTheProgramsKeys()
    {
        using var services = Services(("ppo:model_name_or_path", "policy"), ("ppo:dataset:0", "a.jsonl"), ("ppo:dataset:1", "b.jsonl"), ("ppo:advantage", "grpo"), ("ppo:num_samples", "4"),
            ("ppo:finetuning_type", "lora"), ("ppo:lora_rank", "4"), ("ppo:kl_coef", "1e-2"), ("ppo:dtype", "bfloat16"), ("ppo:device", "cpu"));

        var options = services.GetRequiredService<IOptions<PpoOptions>>().Value;

        (options.ModelNameOrPath, options.Advantage, options.NumSamples, options.Lora.Rank, options.KlCoef).Should().Be(("policy", Advantage.Grpo, 4, 4, 0.01));
        options.Dataset.Should().Equal("a.jsonl", "b.jsonl");
        services.GetRequiredService<IOptions<ComputeOptions>>().Value.Should().Be(new ComputeOptions { DType = "bfloat16", Device = "cpu" });
    }

    [Fact]
    public void AddGramJudge_FromConfiguration_HasTheKeysOfServe()
    {
        using var services = Services(("judge:reward_model", "runs/judge"), ("judge:max_batch_pairs", "8"), ("judge:gather_ms", "1.5"), ("judge:device", "cpu"), ("judge:dtype", "float32"));

        var options = services.GetRequiredService<IOptions<GramJudgeOptions>>().Value;

        (options.Model, options.MaxPairs, options.GatherMs, options.DType).Should().Be(("runs/judge", 8, 1.5, TorchSharp.torch.ScalarType.Float32));
        services.GetRequiredService<IPairJudge>().Should().BeSameAs(services.GetRequiredService<ServedJudge>());
    }

    [Theory]
    [InlineData("ppo:model_name_or_pat", "policy", "Gram:ppo: unknown key 'model_name_or_pat'; the nearest known one is 'model_name_or_path'")]
    [InlineData("ppo:learning_rate", "fast", "Gram:ppo: 'learning_rate' is not a number: fast; accepted: 0 to 1 (default 1E-06)")]
    [InlineData("ppo:num_samples", "3", "num_samples (3) must divide the rollout of*")]
    [InlineData("best_of_n:method", "swiss", "Gram:best_of_n: 'method' is none of its values: swiss; accepted: linear, knockout, round_robin, adaptive (default knockout)")]
    [InlineData("judge:batch_tokens", "1", "reward_model is needed: a GRAM checkpoint's directory or hub id")]
    public async Task AddGramRl_WithWrongOptions_StopsTheStart(string key, string value, string message)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Services.AddGramRl(Section(("ppo:model_name_or_path", "policy"), (key, value)));
        using var host = builder.Build();

        var start = () => host.StartAsync();

        (await start.Should().ThrowAsync<Exception>()).WithMessage(message).Which.Message.Should().NotContain("\n");
    }

    [Fact]
    public void AddGramRl_WithAPartThatThereIsNot_NamesTheNearest()
    {
        var add = () => Services(("bestofn:method", "linear"));

        add.Should().Throw<GramException>().WithMessage("Gram: unknown part 'bestofn'; the nearest known one is 'best_of_n'*");
    }

    [Fact]
    public void AddPpoEvents_WhoSubscribes_IsToldWhatARunPublishes()
    {
        using var services = Services(("ppo:model_name_or_path", "policy"));
        var steps = new List<int>();

        using (services.GetRequiredService<ISubscriber<StepLogged>>().Subscribe(step => steps.Add(step.Step)))
            services.GetRequiredService<PpoEvents>().Steps.Publish(new StepLogged("ppo", 1, 2, new Dictionary<string, double>()));
        services.GetRequiredService<PpoEvents>().Steps.Publish(new StepLogged("ppo", 2, 2, new Dictionary<string, double>()));

        steps.Should().Equal(1);
    }

    [Fact]
    public async Task Telemetry_OfATournament_HasItsDocumentedNames()
    {
        var (counted, activities) = (new Dictionary<string, long>(), new List<string>());
        using var meters = new MeterListener { InstrumentPublished = (instrument, listener) => { if (GramTelemetry.Names.Contains(instrument.Meter.Name)) listener.EnableMeasurementEvents(instrument); } };
        meters.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            if (tags.ToArray().Contains(new("tournament", "linear"))) counted[instrument.Name] = value;
        });
        meters.Start();
        using var listener = new ActivityListener { ShouldListenTo = source => GramTelemetry.Names.Contains(source.Name), Sample = (ref _) => ActivitySamplingResult.AllData, ActivityStopped = activity => activities.Add(activity.DisplayName) };
        ActivitySource.AddActivityListener(listener);

        await new LinearTournament().RankAsync(new ShorterIsBetter(), [("q", ["aa", "b", "cccc"])]);

        counted.Should().Equal(new Dictionary<string, long> { ["gram.best_of_n.questions"] = 1, ["gram.best_of_n.comparisons"] = 2 });
        activities.Should().Equal("tournament");
        File.ReadAllText(Path.Combine(Repository.Root, "docs", "extending.md")).Should().ContainAll([.. counted.Keys, .. GramTelemetry.Names]);
    }

    [Fact]
    public async Task Estimator_OfOnesOwn_NeedsAnAdvantageThatCompares()
    {
        new PositiveOnly().Estimate([1, 3, 5, 5], [0, 0, 1, 1]).Should().Equal(0, 1, 0, 0);
        var run = new PpoRun(new PpoOptions { ModelNameOrPath = "policy" }, new ShorterIsBetter(), [new("q")], [], null!) { Estimator = new PositiveOnly() };

        var start = () => run.RunAsync();

        await start.Should().ThrowAsync<GramException>().WithMessage("advantage: gae does not compare samples*");
    }

    [Fact]
    public void GoldPlugin_AssemblyWithOneMeasure_IsThatMeasure()
    {
        GoldPlugin.Load(null).Should().BeNull();
        var gold = GoldPlugin.Load(typeof(NamesARefund).Assembly.Location)!;
        gold.GetType().Name.Should().Be(nameof(NamesARefund));
        gold.Score(new Prompt("q"), "A Refund it is.").Should().Be(1);
        gold.Score(new Prompt("q"), "No.").Should().Be(0);
    }

    private static IConfigurationSection Section(params (string Key, string Value)[] values) =>
        new ConfigurationBuilder().AddInMemoryCollection(values.Select(pair => KeyValuePair.Create($"Gram:{pair.Key}", (string?)pair.Value))).Build().GetSection("Gram");

    private static ServiceProvider Services(params (string Key, string Value)[] values) => new ServiceCollection().AddLogging().AddGramRl(Section(values)).BuildServiceProvider();
}
