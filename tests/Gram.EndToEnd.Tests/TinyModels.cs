using Gram.Host.Demo;
using Gram.Models;
using Gram.Models.Transformer;
using Gram.Reward.Judging;

namespace Gram.EndToEnd.Tests;

/// <summary>A policy and a judge of the embedded ones' make, small and untrained: they answer nonsense, quickly.</summary>
public sealed class TinyModels : IDisposable
{
    private readonly TemporaryDirectory folder = new();
    private readonly Lazy<Task<ServerProcess>> server;

    public TinyModels()
    {
        server = new(() => ServerProcess.ServeAsync(Root, "--reward_model", Judge, "--dtype", "float32"));
        var random = new RandomSource(3);
        var world = new DemoWorld(1);
        var replies = DemoWorld.Replies([.. world.Policy.Take(200)], 1, random).ToList();
        var bpe = BpeTrainer.Train(replies.SelectMany(row => DemoRecipe.TokenizerTexts(row.Message, row.Reply)), 400, TokenizerFiles.ControlTokens);
        var config = DemoRecipe.Model(bpe) with { HiddenSize = 32, IntermediateSize = 64, NumHiddenLayers = 2, NumAttentionHeads = 2, NumKeyValueHeads = 1, HeadDim = 16, MaxPositionEmbeddings = ContextLength };
        foreach (var directory in (string[])[Policy, Judge])
        {
            Directory.CreateDirectory(directory);
            TokenizerFiles.Write(directory, bpe, ContextLength);
            using var model = CausalLM.Create(config, random);
            model.Save(directory);
        }
        JudgeConfig.Write(Judge);
        Write("prompts.jsonl", """{"prompt": "My router is broken."}""", """{"prompt": "My phone does not charge.", "id": 7}""", """{"messages": [{"role": "user", "content": "Where is my parcel?"}]}""");
        Write("pairs.jsonl", Enumerable.Range(0, 12).Select(i => $$"""{"prompt": "My phone number {{i}} is broken.", "chosen": "Please restart it.", "rejected": "No {{i}}.", "id": {{i}}}""").ToArray());
    }

    public const int ContextLength = 160;

    /// <summary>The judge's prompt, labels and template.</summary>
    public static GramConfig JudgeConfig => new() { Prompt = DemoDefaults.JudgePrompt, Labels = [" A", " B"], Template = "none" };

    public string Root => folder.Path;
    public string Policy => folder.File("policy");
    public string Judge => folder.File("judge");
    public string Prompts => folder.File("prompts.jsonl");
    public string Pairs => folder.File("pairs.jsonl");

    /// <summary>Writes a file of lines beside the models and returns its path.</summary>
    public string Write(string name, params string[] lines)
    {
        File.WriteAllLines(folder.File(name), lines);
        return folder.File(name);
    }

    /// <summary>gram serve with the judge, in float32: one for all tests that only ask it, and that leave it as it is.</summary>
    public Task<ServerProcess> ServerAsync() => server.Value;

    public void Dispose()
    {
        if (server is { IsValueCreated: true, Value.IsCompletedSuccessfully: true }) server.Value.Result.Dispose();
        folder.Dispose();
    }
}

/// <summary>Tests that share the tiny models, one after the other: each runs processes that use all cores.</summary>
[CollectionDefinition(Name)]
public sealed class ProgramTests : ICollectionFixture<TinyModels>
{
    public const string Name = "program";
}
