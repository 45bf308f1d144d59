using System.Text;
using Gram.BestOfN;
using Gram.Models.Generation;
using Gram.Ppo;
using Gram.Reward.Training;
using Gram.Host.Configuration;
using Gram.Models;
using Gram.Training.Configuration;

namespace Gram.Host.Commands;

/// <summary>The program's commands.</summary>
internal static class CommandTable
{
    public static IReadOnlyList<Command> All { get; } =
    [
        new("ppo", "PPO with a GRAM judge; without arguments, the embedded help desk.", "gram ppo --max_steps 20 --seed 7",
            typeof(PpoJob), typeof(PpoOptions), typeof(RemoteJudgeKeys), typeof(RationaleKeys), typeof(RevisionOptions), typeof(RunOptions)) { RunsBare = true, Trains = true, LeavesRun = true, RunFolder = "runs/ppo", Preset = DemoPreset.Ppo },
        new("train", "Trains a GRAM judge, stage 1 or (gram_loss: true) stage 2, from a LLaMA-Factory YAML, or both from a list of two.", "gram train configs/train_gram_sst2.yaml --output_dir runs/judge",
            typeof(TrainJob), typeof(GramTrainingOptions), typeof(TrainOptions), typeof(RevisionOptions), typeof(RunOptions)) { Trains = true, LeavesRun = true, RunFolder = "runs/train", TakesStages = true },
        new("align", "Trains GRAM from raw pairs, then PPO with it, in one process; without arguments, the embedded help desk.", "gram align --seed 7",
            typeof(AlignJob), typeof(PpoOptions), typeof(RevisionOptions), typeof(RunOptions), typeof(AlignOptions), AlignOptions.Stage(AlignOptions.Stage1), AlignOptions.Stage(AlignOptions.Stage2)) { RunsBare = true, Trains = true, LeavesRun = true, RunFolder = "runs/align", Preset = DemoPreset.Align },
        new("generate", "Generates n responses for each prompt, greedy or sampled.", "gram generate --model runs/ppo --prompt \"My router is broken.\"",
            typeof(GenerateJob), typeof(ModelOptions), typeof(RevisionOptions), typeof(PromptOptions), typeof(GenerateOptions), typeof(SamplingOptions)),
        new("judge", "Scores pairs of answers, both orders.", "gram judge --reward_model runs/judge --input pairs.jsonl --output scored.jsonl",
            typeof(JudgeJob), typeof(JudgeOptions), typeof(RationaleKeys), typeof(RowFileOptions)),
        new("rerank", "Ranks given generations.", "gram rerank --reward_model runs/judge --input generations.jsonl --output ranked.jsonl",
            typeof(RerankJob), typeof(JudgeOptions), typeof(RationaleKeys), typeof(RowFileOptions), typeof(TournamentOptions)),
        new("eval", "Evaluates a judge, or a file of scores, on a benchmark: judgebench, rm-bench, reward-bench, llmbar, alpaca-eval, or your own pairs.", "gram eval judgebench --dataset gpt.json --reward_model runs/judge",
            typeof(EvalJob), typeof(EvalOptions), typeof(RationaleKeys)) { Word = EvalOptions.BenchmarkKey, LeavesRun = true, RunFolder = "runs/eval" },
        new("best-of-n", "Generates n answers, then picks the best; without arguments, the embedded help desk.", "gram best-of-n --n 1,4,16",
            typeof(BestOfNJob), typeof(ModelOptions), typeof(RevisionOptions), typeof(JudgeOptions), typeof(RationaleKeys), typeof(BestOfNOptions), typeof(TournamentOptions), typeof(SamplingOptions)) { RunsBare = true, LeavesRun = true, RunFolder = "runs/best-of-n", Preset = DemoPreset.BestOfN },
        new("serve", "The judge over HTTP, in the protocols of OpenRLHF, LLaMA-Factory, vLLM and NeMo Gym and its own; without arguments, the embedded judge.", "gram serve --reward_model runs/judge --port 5080",
            typeof(ServeJob), typeof(JudgeOptions), typeof(ServeOptions)) { RunsBare = true, Preset = DemoPreset.Serve },
        new("demo build", "Makes the embedded help desk's policy and judge again, from nothing.", "gram demo build --output_dir runs/demo-build", typeof(DemoBuildJob)) { RunsBare = true, RunFolder = "runs/demo-build" },
        new("export", "Writes a model whole: its adapter merged, in other shards or another dtype.", "gram export --model Qwen/Qwen3-0.6B --adapter_name_or_path lora --output_dir merged",
            typeof(ExportJob), typeof(ExportOptions), typeof(RevisionOptions)) { Trains = true },
        new("runs", "Lists the runs in a folder: command, state, steps and results; several runs are compared, settings that differ and results side by side.", "gram runs runs",
            typeof(RunsJob), typeof(RunsOptions)) { RunsBare = true, Word = RunsOptions.FoldersKey },
        new("bench", "Measures this machine's floors, and the speeds as a share of them.", "gram bench --model Qwen/Qwen3-0.6B", typeof(BenchJob), typeof(BenchOptions), typeof(RevisionOptions)) { RunsBare = true },
        new("doctor", "Says what engine, devices, dtypes and versions there are, and what can and cannot run here, and why.", "gram doctor", typeof(DoctorJob)) { RunsBare = true },
        new("completion", "Prints the script with which a shell completes commands, keys and values.", "gram completion bash", typeof(CompletionJob), typeof(CompletionOptions)) { Word = CompletionOptions.ShellKey },
    ];

    /// <summary>The command that a command line starts with, and the words after it.</summary>
    public static (Command Command, IReadOnlyList<string> Words) Find(IReadOnlyList<string> args)
    {
        foreach (var command in All)
        {
            var name = command.Name.Split(' ');
            if (args.Take(name.Length).SequenceEqual(name, StringComparer.OrdinalIgnoreCase)) return (command, [.. args.Skip(name.Length)]);
        }
        var nearest = All.FirstOrDefault(command => command.Name.StartsWith(args[0] + " ", StringComparison.OrdinalIgnoreCase))?.Name ?? NearestName.Of(args[0], All.Select(command => command.Name));
        throw new GramException($"unknown command '{args[0]}'; the nearest known one is '{nearest}' (gram --help lists all)");
    }

    /// <summary>The list of commands.</summary>
    public static string Help()
    {
        var text = new StringBuilder();
        text.AppendLine("Example:  gram ppo").AppendLine();
        text.AppendLine("GRAM reward models, PPO and best-of-n for language models, in one process.").AppendLine();
        var width = All.Max(command => command.Name.Length);
        foreach (var command in All) text.Append("  ").Append(command.Name.PadRight(width)).Append("  ").AppendLine(command.Summary);
        return text.AppendLine().AppendLine("gram COMMAND --help lists a command's keys, gram --version says which gram this is.").ToString();
    }
}
