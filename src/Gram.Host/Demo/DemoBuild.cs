using System.Diagnostics;
using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Models.Tokenization;
using Gram.Models.Transformer;
using Gram.Pipes.Events;
using Gram.Ppo;
using Gram.Reward.Judging;
using Gram.Reward.Training;
using Gram.Training.Runs;
using static TorchSharp.torch;

namespace Gram.Host.Demo;

/// <summary>What a build of the embedded models came to.</summary>
/// <param name="Policy">Directory of the policy.</param>
/// <param name="Judge">Directory of the judge.</param>
/// <param name="JudgeAccuracy">Share of held-out pairs, labelled by the gold rule, in which the judge scores the better reply higher.</param>
/// <param name="OrderDisagreement">The judge's mean position bias on these pairs.</param>
/// <param name="Gold">Gold score of the policy's samples on held-out prompts.</param>
/// <param name="Bytes">Size of both directories.</param>
/// <param name="Seconds">Wall-clock time.</param>
internal sealed record DemoBuildResult(string Policy, string Judge, Estimate JudgeAccuracy, double OrderDisagreement, Estimate Gold, long Bytes, double Seconds);

/// <summary>
/// Makes the embedded default from nothing: a tokenizer trained on the help desk's texts, a policy pretrained on its
/// clerks' replies, and a judge that starts as the policy and goes through both GRAM stages.
/// </summary>
internal sealed class DemoBuild(ulong seed, IPublisher<StepLogged> steps, IPublisher<Notice> notices)
{
    /// <summary>Builds into outputDirectory: policy/, judge/, and the data and runs that they came from. Runs on the calling thread.</summary>
    public async Task<DemoBuildResult> RunAsync(string outputDirectory, CancellationToken cancellationToken = default)
    {
        var watch = Stopwatch.StartNew();
        var random = new RandomSource(seed);
        var world = new DemoWorld(DemoDefaults.WorldSeed);
        var path = (string name) => Path.Combine(outputDirectory, name);

        // 1. Data: replies for the policy, pairs for the judge, pairs to test it on.
        var replies = DemoWorld.Replies(world.Policy, DemoRecipe.RepliesPerMessage, random).ToList();
        DemoData.WriteReplies(path("data"), replies);
        DemoData.WritePairs(path("data"), DemoData.Pairs, DemoWorld.Pairs(world.Judge, DemoRecipe.Pairs, DemoWorld.LabelNoise, random));
        DemoData.WritePairs(path("data"), DemoData.HeldOutPairs, DemoWorld.Pairs(world.JudgeHeldOut, DemoRecipe.HeldOutPairs, noise: 0, random));

        // 2. Tokenizer and an untrained model.
        AtomicFile.WriteDirectory(path("untrained"), directory => WriteUntrained(directory, replies, random));

        // 3. Policy: the next tokens of the clerks' replies.
        await TrainAsync(DemoRecipe.Policy with { ModelNameOrPath = path("untrained"), OutputDir = path("runs/policy"), DatasetDir = path("data") });
        Ship(path("runs/policy"), path("policy"), judge: null);

        // 4. Judge: GRAM's two stages, from the policy.
        await TrainAsync(DemoRecipe.JudgeStage1 with { ModelNameOrPath = path("runs/policy"), OutputDir = path("runs/judge-stage1"), DatasetDir = path("data") });
        await TrainAsync(DemoRecipe.JudgeStage2 with { ModelNameOrPath = path("runs/judge-stage1"), OutputDir = path("runs/judge-stage2"), DatasetDir = path("data") });
        Ship(path("runs/judge-stage2"), path("judge"), GramConfig.Read(path("runs/judge-stage2")));

        // 5. What came of it, measured on the shipped files.
        var (accuracy, disagreement) = await DemoCheck.JudgeAsync(path("judge"), DemoWorld.Pairs(world.JudgeHeldOut, DemoRecipe.HeldOutPairs, noise: 0, random), cancellationToken);
        var gold = DemoCheck.Gold(path("policy"), world.Eval, random, cancellationToken);
        var bytes = Directory.GetFiles(path("policy")).Concat(Directory.GetFiles(path("judge"))).Sum(file => new FileInfo(file).Length);
        return new(path("policy"), path("judge"), accuracy, disagreement, gold, bytes, watch.Elapsed.TotalSeconds);

        Task<GramTrainingResult> TrainAsync(GramTrainingOptions options) =>
            new GramTrainer(options with { Seed = seed, OverwriteOutputDir = true }, steps, notices).RunAsync(cancellationToken);
    }

    private static void WriteUntrained(string directory, IReadOnlyList<(string Message, string Reply)> replies, RandomSource random)
    {
        var texts = replies.Take(DemoRecipe.TokenizerReplies).SelectMany(row => DemoRecipe.TokenizerTexts(row.Message, row.Reply));
        var bpe = BpeTrainer.Train(texts, DemoRecipe.VocabularySize, TokenizerFiles.ControlTokens);
        TokenizerFiles.Write(directory, bpe, DemoRecipe.ContextLength);
        using var model = CausalLM.Create(DemoRecipe.Model(bpe), random);
        model.Save(directory);
    }

    /// <summary>The trained model as it ships: bf16 weights, tokenizer, and the judge's prompt where there is one.</summary>
    private static void Ship(string trained, string shipped, GramConfig? judge) => AtomicFile.WriteDirectory(shipped, directory =>
    {
        using var model = CausalLM.Load(trained);
        model.Save(directory, Tokenizer.Load(trained), dtype: ScalarType.BFloat16);
        judge?.Write(directory);
    });
}
