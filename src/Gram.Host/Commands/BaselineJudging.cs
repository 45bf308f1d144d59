using System.Runtime.CompilerServices;
using Gram.Host.Configuration;
using Gram.Host.Hosting;
using Gram.Models;
using Gram.Pipes.Events;
using Gram.Reward.Baselines;
using Gram.Reward.Benchmarks;
using Gram.Reward.Judging;
using Gram.Reward.Training;
using Gram.Training.Runs;

namespace Gram.Host.Commands;

/// <summary>Trains the baselines on what a judge was trained on, and asks them what the judge was asked.</summary>
internal sealed class BaselineJudging(EvalOptions options, Engine engine, ModelFinder models, IPublisher<StepLogged> steps)
{
    private const string ConfigFile = "config.yaml";

    /// <summary>The training run that the baselines repeat.</summary>
    /// <exception cref="GramException">There is none, or its configuration is wrong.</exception>
    public GramTrainingOptions Run()
    {
        var named = options.BaselineRun ?? (options.RewardModel.Length > 0 ? options.RewardModel : null) ?? throw new GramException("--baseline_run is needed: the training run (its folder or YAML) whose checkpoint and data the baselines are trained on");
        var file = Directory.Exists(named) ? Path.Combine(named, ConfigFile) : named;
        if (!File.Exists(file)) throw new GramException($"{named} has no {ConfigFile} of its training: say with --baseline_run (a run's folder or YAML) what the baselines are trained on");
        var schema = CommandTable.Find(["train"]).Command.Schema;
        return new Settings(schema, new CommandArguments(file, new Dictionary<string, string>(), Help: false)).Get<GramTrainingOptions>();
    }

    /// <summary>Names and verdicts, one baseline after the other.</summary>
    /// <exception cref="GramException">The texts of the comparisons are not known, or the run's data or checkpoint are wrong.</exception>
    public async IAsyncEnumerable<(string Name, IReadOnlyList<Verdict> Verdicts)> JudgeAsync(GramTrainingOptions run, IReadOnlyList<BenchmarkItem> items, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        AnswerPair[] asked = [.. items.SelectMany(item => item.Comparisons).Select(comparison => comparison.Pair?.Pair() ?? throw new GramException($"{comparison.Source.File} holds no texts for the baselines to read: name those that it scores with --dataset"))];
        var pairs = BaselinePairs.Load(run);
        yield return ("bag of words", await AskAsync(new BagOfWords(pairs)));

        var found = run with { ModelNameOrPath = await models.PolicyAsync(run.ModelNameOrPath, cancellationToken) };
        yield return ("Bradley–Terry head", await new BradleyTerryTrainer(found, steps, engine.Device, engine.TrainingDType).TrainAsync(pairs, AskAsync, cancellationToken));

        async Task<IReadOnlyList<Verdict>> AskAsync(IPairJudge judge) => [.. (await judge.ScoreAsync(asked, cancellationToken)).Select(Verdict.Of)];
    }
}
