using System.Globalization;
using System.Text;
using System.Text.Json;
using Gram.Models.Checkpoints;
using Gram.Models.Checkpoints.Hub;
using Gram.Training.Adapters;
using Gram.Training.Batches;

namespace Gram.Reward.Training;

/// <summary>README.md of a trained model, as the hub shows it: what it is, what it was trained on and how, what came out.</summary>
internal static class ModelCard
{
    private const string FileName = "README.md";

    /// <summary>Writes the card.</summary>
    /// <param name="directory">The model's folder.</param>
    /// <param name="options">The run.</param>
    /// <param name="baseName">What it was trained from: a directory or a hub id.</param>
    /// <param name="result">How it came out.</param>
    /// <param name="plan">Its steps.</param>
    /// <param name="plots">Pictures of its curves in the folder.</param>
    public static void Write(string directory, GramTrainingOptions options, string baseName, GramTrainingResult result, TrainingPlan plan, IReadOnlyList<string> plots) =>
        AtomicFile.WriteText(Path.Combine(directory, FileName), Text(options, baseName, result, plan, plots));

    private static string Text(GramTrainingOptions options, string baseName, GramTrainingResult result, TrainingPlan plan, IReadOnlyList<string> plots)
    {
        var name = Path.GetFileName(options.OutputDir.TrimEnd('/', Path.DirectorySeparatorChar));
        var baseModel = !Directory.Exists(baseName) && HubId.TryParse(baseName) is { } hub ? hub.Repository : Path.GetFileName(baseName.TrimEnd('/', Path.DirectorySeparatorChar));
        var isAdapter = options.FinetuningType == FinetuningType.Lora;
        string[] datasets = [.. options.Dataset.Select(Path.GetFileName).OfType<string>()];
        var text = new StringBuilder();
        Lines("---", isAdapter ? "library_name: peft" : "library_name: transformers", $"base_model: {Quoted(baseModel)}", "tags:", "- gram", options.GramLoss ? "- reward-model" : "- sft");
        if (isAdapter) Lines("- lora");
        Lines("model-index:", $"- name: {Quoted(name)}", "  results: []", "---", "", $"# {name}", "");
        Lines(options.GramLoss
            ? $"A GRAM judge: {baseModel}, fine-tuned on preferences (stage 2) to say which of two answers is better. It reads the prompt in gram_config.json and puts its probability on the labels {string.Join(", ", options.GramCandidateLabels.Select(label => $"`{label}`"))}."
            : $"{baseModel}, trained on next tokens (GRAM's stage 1, or supervised fine-tuning).", "");
        Lines("## Data", "", $"Trained on {string.Join(", ", datasets.Select(dataset => $"`{dataset}`"))}; {result.Shortened} examples shortened to {options.MostTokens} tokens, {result.Dropped} rows left out.", "");
        Lines("## Results", "", "| measure | value |", "| --- | --- |", $"| steps | {result.Steps} of {plan.TotalSteps} |");
        Row("mean training loss", result.TrainLoss);
        Row("held-out rows", result.Evaluation?.Count, "0");
        Row("held-out accuracy", result.Evaluation?.Accuracy);
        Row("held-out order disagreement", result.Evaluation?.OrderDisagreement);
        Row("held-out loss", result.Evaluation?.Loss);
        Lines("");
        foreach (var plot in plots) Lines($"![{Path.GetFileNameWithoutExtension(plot)}]({plot})", "");
        Lines("## Training", "", "| setting | value |", "| --- | --- |");
        if (TrainedModel.Describe(options) is { } adapter) Lines($"| adapter | {adapter} |");
        Row("learning_rate", options.LearningRate, "R");
        Lines($"| lr_scheduler_type | {JsonNamingPolicy.SnakeCaseLower.ConvertName(options.LrSchedulerType.ToString())} |", $"| warm-up steps | {plan.WarmupSteps} |");
        Row("per_device_train_batch_size", options.PerDeviceTrainBatchSize, "0");
        Row("gradient_accumulation_steps", options.GradientAccumulationSteps, "0");
        Row("epochs", plan.EpochAfter(result.Steps), "0.##");
        Lines($"| optimizer | AdamW, betas {Number(options.AdamBeta1, "R")} and {Number(options.AdamBeta2, "R")}, epsilon {Number(options.AdamEpsilon, "R")}, weight decay {Number(options.WeightDecay, "R")} |");
        Row("max_grad_norm", options.MaxGradNorm, "R");
        if (options.GramLoss) Row("gram_label_smoothing", options.GramLabelSmoothing, "R");
        Lines($"| template | {options.Template} |", $"| seed | {options.Seed} |");
        if (options.GramLoss) Lines("", "## Use", "", "```", $"gram judge --reward_model {options.OutputDir} --input pairs.jsonl --output scored.jsonl", "```");
        return text.ToString();

        void Lines(params IEnumerable<string> lines)
        {
            foreach (var line in lines) text.Append(line).Append('\n');
        }

        void Row(string measure, double? value, string format = "0.0000")
        {
            if (value is { } known) Lines($"| {measure} | {Number(known, format)} |");
        }
    }

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);

    private static string Quoted(string text) => $"\"{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";
}
