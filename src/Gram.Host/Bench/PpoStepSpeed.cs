using System.Text.Json.Nodes;
using Gram.Host.Commands;
using Gram.Host.Configuration;
using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Models.Tokenization;
using Gram.Pipes.Events;
using Gram.Ppo;
using Gram.Ppo.Events;
using Gram.Reward.Data;
using Gram.Reward.Judging;
using Gram.Training.Runs;

namespace Gram.Host.Bench;

/// <summary>The PPO step of configs/bench_ppo_smollm2.yaml, stage by stage.</summary>
internal static class PpoStepSpeed
{
    private const string ConfigName = "bench_ppo_smollm2.yaml";
    private const int PromptTokens = 32;
    private static readonly GramConfig ShortJudge = new() { Prompt = "{question}\nA: {answer_a}\nB: {answer_b}\nBetter: ", Template = GramConfig.NoTemplate };
    private static readonly string[] Stages = ["generate", "judge", "score", "advantage", "update"];

    /// <summary>The fastest step after the first; its floor is the sum of its stages' terms.</summary>
    /// <exception cref="GramException">The model has no tokenizer, or cannot judge or hold such prompts.</exception>
    public static Measurement Measure(BenchSubject subject)
    {
        var tokenizer = Tokenizer.Load(subject.Directory);
        using var folder = new ScratchFolder();
        var options = Options() with
        {
            ModelNameOrPath = WithoutEndTokens(subject.Directory, Path.Combine(folder.Path, "model")),
            OutputDir = Path.Combine(folder.Path, "run"),
            WarmupRatio = 0,
        };
        using var judge = new GramJudge(subject.Model, tokenizer, ShortJudge);
        var listener = new ListeningJudge(judge);
        var steps = new EventBroker<StepLogged>();
        List<(IReadOnlyDictionary<string, double> Metrics, AnswerPair[] Pairs)> done = [];
        steps.Subscribe(step => done.Add((step.Metrics, listener.Take())));
        var events = new PpoEvents(steps, new EventBroker<Notice>(), new EventBroker<SamplesLogged>(), new EventBroker<StageStarted>());
        new PpoRun(options, listener, [.. Prompts(tokenizer, options.PromptsPerStep)], [], events) { JudgeConfig = ShortJudge, Device = subject.Model.Device, DType = subject.Model.DType }.RunAsync().GetAwaiter().GetResult();

        var (metrics, pairs) = done.Skip(done.Count > 1 ? 1 : 0).MinBy(step => step.Metrics["time/step"]);
        int[][] judged = [.. pairs.SelectMany(pair => new[] { judge.PromptIds(pair.Question, pair.AnswerA, pair.AnswerB), judge.PromptIds(pair.Question, pair.AnswerB, pair.AnswerA) })];
        var parameters = subject.Model.Parameters.Sum(parameter => parameter.Value.numel());
        var head = subject.Model.Config.TieWordEmbeddings ? 0 : (long)subject.Model.Config.VocabSize * subject.Model.Config.HiddenSize;
        var work = new PpoStepWork(subject.Model.Config, options.RolloutSize, PromptTokens, options.MaxNewTokens, ModelWork.DecodeBytes(subject.Model), parameters, parameters - head);
        return new Measurement(60, "steps/min", Stages.Sum(stage => metrics[$"time/{stage}"]), floors => Of(floors).Sum(stage => stage.FloorSeconds)) { Stages = Of };

        IReadOnlyList<BenchStage> Of(MachineFloors floors) => [.. Stages.Select(stage => new BenchStage(stage, metrics[$"time/{stage}"], work.Terms(stage, floors, subject.Model.DType, judged)))];
    }

    /// <summary>The configuration, which travels in the program.</summary>
    internal static PpoOptions Options()
    {
        using var reader = new StreamReader(typeof(PpoStepSpeed).Assembly.GetManifestResourceStream(ConfigName)!);
        var schema = CommandTable.Find(["ppo"]).Command.Schema;
        var model = new Dictionary<string, string> { ["model_name_or_path"] = "bench" };
        return new Settings(schema, new CommandArguments(null, model, false), stage: new StageText(reader.ReadToEnd(), $"configs/{ConfigName}")).Get<PpoOptions>();
    }

    /// <summary>Texts of random words that are this many tokens each.</summary>
    /// <exception cref="GramException">No text of these words is.</exception>
    private static IEnumerable<Prompt> Prompts(Tokenizer tokenizer, int count)
    {
        var random = new RandomSource(11);
        for (var made = 0; made < count; made++)
        {
            var text = "";
            for (var tries = 0; Length(text) < PromptTokens; tries++)
            {
                if (tries == 1000) throw new GramException($"no text of {PromptTokens} tokens was found");
                var longer = $"{text}{(text.Length > 0 ? " " : "")}{JudgeTexts.Words[random.Next(JudgeTexts.Words.Length)]}";
                if (Length(longer) <= PromptTokens) text = longer;
                else if (Length(text + ".") <= PromptTokens) text += "."; // what no word fills
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
