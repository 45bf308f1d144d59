using System.Text.Json.Nodes;
using Gram.Host.Commands;
using Gram.Host.Configuration;
using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Models.Native;
using Gram.Models.Tokenization;
using Gram.Pipes.Events;
using Gram.Ppo;
using Gram.Ppo.Events;
using Gram.Reward.Data;
using Gram.Reward.Judging;
using Gram.Training.Adapters;
using Gram.Training.Runs;

namespace Gram.Host.Bench;

/// <summary>The PPO step of configs/bench_ppo_smollm2.yaml, stage by stage, as it is or beside another kind of it.</summary>
internal static class PpoStepSpeed
{
    private const string ConfigName = "bench_ppo_smollm2.yaml";
    private const int Rounds = 2;
    private static readonly GramConfig ShortJudge = new() { Prompt = "{question}\nA: {answer_a}\nB: {answer_b}\nBetter: ", Template = GramConfig.NoTemplate };
    private static readonly string[] Stages = ["generate", "judge", "score", "advantage", "update"];

    /// <summary>The fastest step after the first; its floor is the sum of its stages' terms.</summary>
    /// <exception cref="GramException">The model has no tokenizer, or cannot judge or hold such prompts.</exception>
    public static Measurement Measure(BenchSubject subject)
    {
        using var bench = new Bench(subject);
        return bench.Of(PpoStepKind.Full, bench.Steps(PpoStepKind.Full, Options().MaxSteps).Skip(1));
    }

    /// <summary>The fastest of two steps, in turns with two of another kind, after one that fills caches and meets the allocator.</summary>
    /// <exception cref="GramException">The model has no tokenizer, or cannot judge or hold such prompts.</exception>
    public static Measurement MeasureBeside(BenchSubject subject, PpoStepKind kind, PpoStepKind beside)
    {
        using var bench = new Bench(subject);
        bench.Steps(beside, 1);
        List<Step> steps = [], others = [];
        for (var round = 0; round < Rounds; round++)
        {
            others.AddRange(bench.Steps(beside, 1));
            steps.AddRange(bench.Steps(kind, 1));
        }
        var (measured, other) = (bench.Of(kind, steps), bench.Of(beside, others));
        return measured with { Beside = floors => new(
            beside.Name, other.Amount / other.Seconds, measured.Seconds / other.Seconds, measured.FloorSeconds(floors) / other.FloorSeconds(floors), other.Stages!(floors)) };
    }

    /// <summary>The configuration, which travels in the program.</summary>
    internal static PpoOptions Options(IReadOnlyDictionary<string, string>? overrides = null)
    {
        using var reader = new StreamReader(typeof(PpoStepSpeed).Assembly.GetManifestResourceStream(ConfigName)!);
        var schema = CommandTable.Find(["ppo"]).Command.Schema;
        var keys = new Dictionary<string, string>(overrides ?? new Dictionary<string, string>()) { ["model_name_or_path"] = "bench" };
        return new Settings(schema, new CommandArguments(null, keys, false), stage: new StageText(reader.ReadToEnd(), $"configs/{ConfigName}")).Get<PpoOptions>();
    }

    /// <summary>A step that was run: its metrics, and what the judge was asked.</summary>
    private sealed record Step(IReadOnlyDictionary<string, double> Metrics, AnswerPair[] Pairs)
    {
        public double Seconds => Stages.Sum(stage => Metrics[$"time/{stage}"]);
    }

    /// <summary>What steps of all kinds share: the judge, and a copy of the model's directory.</summary>
    private sealed class Bench : IDisposable
    {
        private readonly BenchSubject subject;
        private readonly Tokenizer tokenizer;
        private readonly GramJudge judge;
        private readonly ScratchFolder folder = new();
        private readonly string model;
        private int runs;

        public Bench(BenchSubject subject)
        {
            this.subject = subject;
            tokenizer = Tokenizer.Load(subject.Directory);
            judge = new GramJudge(subject.Model, tokenizer, ShortJudge);
            model = WithoutEndTokens(subject.Directory, Path.Combine(folder.Path, "model"));
        }

        /// <summary>The steps of a run of a kind.</summary>
        public List<Step> Steps(PpoStepKind kind, int count)
        {
            var listener = new ListeningJudge(judge);
            var logged = new EventBroker<StepLogged>();
            List<Step> steps = [];
            logged.Subscribe(step => steps.Add(new(step.Metrics, listener.Take())));
            var events = new PpoEvents(logged, new EventBroker<Notice>(), new EventBroker<SamplesLogged>(), new EventBroker<StageStarted>());
            var options = Options(kind.Overrides) with { ModelNameOrPath = model, OutputDir = Path.Combine(folder.Path, $"run-{++runs}"), WarmupRatio = 0, MaxSteps = count };
            new PpoRun(options, listener, [.. Prompts(tokenizer, kind.Lengths)], [], events) { JudgeConfig = ShortJudge, Device = subject.Model.Device, DType = subject.Model.DType }.RunAsync().GetAwaiter().GetResult();
            ResidentMemory.GiveBack(); // the next run's stages are other threads, and would take as much again
            return steps;
        }

        /// <summary>The fastest of some steps of a kind.</summary>
        public Measurement Of(PpoStepKind kind, IEnumerable<Step> steps)
        {
            var (options, config, fastest) = (Options(kind.Overrides), subject.Model.Config, steps.MinBy(step => step.Seconds)!);
            int[][] judged = [.. fastest.Pairs.SelectMany(pair => new[] { judge.PromptIds(pair.Question, pair.AnswerA, pair.AnswerB), judge.PromptIds(pair.Question, pair.AnswerB, pair.AnswerA) })];
            var work = new PpoStepWork(config, kind.Lengths, options.MaxNewTokens, ModelWork.DecodeBytes(subject.Model), Weights(options, config));
            return new Measurement(60, "steps/min", fastest.Seconds, floors => Of(floors).Sum(stage => stage.FloorSeconds)) { Stages = Of };

            IReadOnlyList<BenchStage> Of(MachineFloors floors) => [.. Stages.Select(stage => new BenchStage(stage, fastest.Metrics[$"time/{stage}"], work.Terms(stage, floors, subject.Model.DType, judged)))];
        }

        public void Dispose()
        {
            judge.Dispose();
            folder.Dispose();
        }

        private PpoStepWeights Weights(PpoOptions options, ModelConfig config)
        {
            var all = subject.Model.Parameters.Sum(parameter => parameter.Value.numel());
            var (frozen, trunk) = (options.FinetuningType == FinetuningType.Lora, options.HasValueWeights);
            var policy = frozen ? options.Lora.Shape().SizeOver(config, ConfigName).Parameters : all;
            var wordHead = config.TieWordEmbeddings ? 0 : (long)config.VocabSize * config.HiddenSize;
            return new(policy, trunk ? all - wordHead : config.HiddenSize + 1, frozen, trunk);
        }
    }

    /// <summary>Texts of random words that are so many tokens.</summary>
    /// <exception cref="GramException">No text of these words is.</exception>
    private static IEnumerable<Prompt> Prompts(Tokenizer tokenizer, IReadOnlyList<int> lengths)
    {
        var random = new RandomSource(11);
        foreach (var length in lengths)
        {
            var text = "";
            for (var tries = 0; Length(text) < length; tries++)
            {
                if (tries == 1000) throw new GramException($"no text of {length} tokens was found");
                var longer = $"{text}{(text.Length > 0 ? " " : "")}{JudgeTexts.Words[random.Next(JudgeTexts.Words.Length)]}";
                if (Length(longer) <= length) text = longer;
                else if (Length(text + ".") <= length) text += "."; // what no word fills
            }
            yield return new Prompt(text);
        }

        int Length(string text) => tokenizer.Encode(text, addSpecialTokens: true).Length;
    }

    /// <summary>A directory that has a model's files but for what says how answers end.</summary>
    private static string WithoutEndTokens(string directory, string path)
    {
        Directory.CreateDirectory(path);
        foreach (var file in Directory.GetFiles(directory).Where(file => Path.GetFileName(file) is not ("config.json" or "generation_config.json")))
            File.CreateSymbolicLink(Path.Combine(path, Path.GetFileName(file)), Path.GetFullPath(file));
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(directory, "config.json")))!.AsObject();
        config.Remove("eos_token_id");
        AtomicFile.WriteText(Path.Combine(path, "config.json"), config.ToJsonString());
        return path;
    }

    /// <summary>Hands on what a judge is asked, and remembers it.</summary>
    private sealed class ListeningJudge(IPairJudge judge) : IPairJudge
    {
        private readonly List<AnswerPair> asked = [];

        public ValueTask<IReadOnlyList<PairScore>> ScoreAsync(IReadOnlyList<AnswerPair> pairs, CancellationToken cancellationToken = default)
        {
            asked.AddRange(pairs);
            return judge.ScoreAsync(pairs, cancellationToken);
        }

        /// <summary>What was asked since the last call.</summary>
        public AnswerPair[] Take()
        {
            AnswerPair[] taken = [.. asked];
            asked.Clear();
            return taken;
        }
    }

    /// <summary>A folder of the system's for what is only in the way afterwards.</summary>
    private sealed class ScratchFolder : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("gram-bench-").FullName;

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
