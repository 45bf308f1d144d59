using Gram.Host.Configuration;
using Gram.Models;
using Gram.Models.Generation;
using Gram.Models.Tokenization;
using Gram.Models.Transformer;
using Gram.Reward.Data;

namespace Gram.Host.Hosting;

/// <summary>A language model with its tokenizer and chat template: prompts in, answers out.</summary>
internal sealed class TextModel : IDisposable
{
    private readonly ModelOptions options;
    private readonly CausalLM model;
    private readonly Tokenizer tokenizer;
    private readonly ChatTemplate? template;
    private readonly Generator generator;

    /// <summary>Loads a Hugging Face directory.</summary>
    public TextModel(ModelOptions options, Engine engine)
    {
        this.options = options;
        var directory = DemoName.Policy(options.ModelNameOrPath);
        tokenizer = Tokenizer.Load(directory);
        template = options.Template.ToUpperInvariant() switch
        {
            "NONE" => null,
            "AUTO" or "" => tokenizer.ChatTemplateSource is { } jinja ? ChatTemplate.Recognise(jinja) : null,
            _ => ChatTemplate.ByName(options.Template),
        };
        model = CausalLM.Load(directory, engine.InferenceDType, engine.Device);
        generator = new Generator(model, model.Config.EosTokenIds, tokenizer.PadTokenId ?? (model.Config.EosTokenIds is [var end, ..] ? end : 0));
    }

    /// <summary>Answers of each prompt, in the prompts' order: the greedy one first, where asked for, then the samples.</summary>
    public IReadOnlyList<GeneratedGroup> Generate(IReadOnlyList<Prompt> prompts, SamplingOptions sampling, bool greedy, int samples, RandomSource random, CancellationToken cancellationToken) =>
        generator.Generate([.. prompts.Select(Encode)], sampling, greedy, samples, random, options.BatchSize, cancellationToken);

    /// <summary>An answer's text, without control tokens.</summary>
    public string Text(GeneratedSequence answer) => tokenizer.Decode(answer.Tokens);

    public void Dispose() => model.Dispose();

    private int[] Encode(Prompt prompt) => template is null
        ? tokenizer.Encode(prompt.Question, addSpecialTokens: true)
        : template.Encode(tokenizer, prompt.Messages ?? [new ChatMessage("user", prompt.Text!)], addGenerationPrompt: true, options.EnableThinking);
}
