using Gram.Host.Configuration;
using Gram.Models;
using Gram.Models.Generation;
using Gram.Models.Tokenization;
using Gram.Models.Transformer;
using Gram.Ppo;
using Gram.Ppo.Stages;
using Gram.Reward.Data;
using Gram.Reward.Judging;

namespace Gram.Host.Hosting;

/// <summary>A language model with its tokenizer and chat template: prompts in, answers out.</summary>
internal sealed class TextModel : IDisposable
{
    private readonly ModelOptions options;
    private readonly CausalLM model;
    private readonly Tokenizer tokenizer;
    private readonly PromptRenderer renderer;
    private readonly Generator generator;

    /// <summary>Loads a Hugging Face directory.</summary>
    public TextModel(ModelOptions options, Engine engine)
    {
        this.options = options;
        var directory = DemoName.Policy(options.ModelNameOrPath);
        tokenizer = Tokenizer.Load(directory);
        // Without a limit of its own: the generator says which prompts leave no room, and ends answers with the context.
        renderer = PromptRenderer.For(tokenizer, new PpoOptions { Template = options.Template, EnableThinking = options.EnableThinking }, GramConfig.Published.TurnFormat, int.MaxValue);
        model = CausalLM.Load(directory, engine.InferenceDType, engine.Device);
        generator = new Generator(model, model.Config.EosTokenIds, tokenizer.PadTokenId ?? (model.Config.EosTokenIds is [var end, ..] ? end : 0));
    }

    /// <summary>Answers of each prompt, in the prompts' order: the greedy one, where asked for, and the samples.</summary>
    public IReadOnlyList<GeneratedGroup> Generate(IReadOnlyList<Prompt> prompts, SamplingOptions sampling, bool greedy, int samples, RandomSource random, CancellationToken cancellationToken) =>
        generator.Generate([.. renderer.Render(prompts, "the").Select(prompt => prompt.Tokens)], sampling, greedy, samples, random, options.BatchSize, cancellationToken);

    /// <summary>An answer's text, without control tokens.</summary>
    public string Text(GeneratedSequence answer) => tokenizer.Decode(answer.Tokens);

    public void Dispose() => model.Dispose();
}
