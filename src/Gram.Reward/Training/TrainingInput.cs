using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Models.Tokenization;
using Gram.Pipes.Events;
using Gram.Reward.Encoding;
using Gram.Training.Batches;
using Gram.Training.Runs;

namespace Gram.Reward.Training;

/// <summary>What a run is made of, known before its first step: whatever can be wrong with its settings and data is found here, before anything is written.</summary>
/// <param name="Tokenizer">The model's.</param>
/// <param name="Examples">The data, encoded.</param>
/// <param name="Rows">The rows that it is trained in.</param>
/// <param name="Plan">How many steps they take.</param>
/// <param name="Random">The run's generator, after the draws that the data took.</param>
internal sealed record TrainingInput(Tokenizer Tokenizer, ExampleSource Examples, TrainingRows Rows, TrainingPlan Plan, RandomSource Random) : IDisposable
{
    /// <summary>Tokens of the longest row that the model sees.</summary>
    public int Longest => Math.Max(Rows.Lengths.Max(), Examples.Longest);

    /// <summary>Reads and checks it.</summary>
    /// <exception cref="GramException">An option, a file or a row is wrong.</exception>
    public static TrainingInput Load(GramTrainingOptions options, IPublisher<Notice> notices)
    {
        if (options.Dataset.Count == 0) throw new GramException("--dataset is needed: names in dataset_info.json, or a file");
        var tokenizer = Tokenizer.Load(options.Start.FolderOf(Tokenizer.FileName));
        var random = new RandomSource(options.Seed);
        var examples = ExampleSource.Load(options, tokenizer, random.Fork(), notices);
        try
        {
            var rows = new TrainingRows(options, examples);
            var plan = TrainingPlan.Of(
                rows.Count, options.PerDeviceTrainBatchSize, options.GradientAccumulationSteps, options.NumTrainEpochs,
                options.MaxSteps, options.WarmupRatio, options.WarmupSteps);
            Check(options, examples);
            if (options is { Packing: true, NeatPacking: false }) notices.Publish(new("packing keeps examples apart, as neat_packing: true does: here no example sees another"));
            return new(tokenizer, examples, rows, plan, random);
        }
        catch
        {
            examples.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Examples.Dispose();

    private static void Check(GramTrainingOptions options, ExampleSource examples)
    {
        var model = ModelConfig.Read(options.ModelNameOrPath);
        options.Adapter?.SizeOver(model, "finetuning_type: lora");
        var positions = model.MaxPositionEmbeddings;
        if (examples.Longest > positions) throw new GramException($"cutoff_len: {options.CutoffLen} lets through examples longer than the model's {positions} positions (the longest has {examples.Longest} tokens); lower it to {positions}");
        if (options.LoadBestModelAtEnd)
        {
            if (examples.Eval.Count + examples.EvalPairs.Count == 0) throw new GramException("load_best_model_at_end: there is nothing to measure by; name an eval_dataset, or set val_size");
            if (options.Evaluates == IntervalStrategy.No) throw new GramException("load_best_model_at_end: the model is evaluated at the end alone; set eval_strategy: steps or epoch");
            BestModel.Check(options);
        }
    }
}
