using System.Diagnostics;
using Gram.Host.Configuration;
using Gram.Models.Speed;
using Gram.Models;
using Gram.Models.Generation;
using Gram.Models.Tokenization;
using Gram.Models.Transformer;
using Gram.Pipes.Events;
using Gram.Ppo.Stages;
using Gram.Reward.Data;
using Gram.Reward.Judging;
using Gram.Training.Runs;

namespace Gram.Host.Hosting;

/// <summary>A language model with its tokenizer and chat template: prompts in, answers out.</summary>
internal sealed class TextModel : IDisposable
{
    /// <summary>Answers generated between two lines of progress.</summary>
    private const int PartRows = 512;

    private readonly ModelOptions options;
    private readonly CausalLM model;
    private readonly Tokenizer tokenizer;
    private readonly PromptRenderer renderer;
    private readonly Generator generator;

    /// <summary>Loads a Hugging Face directory, and the adapter over it.</summary>
    public TextModel(ModelLocation location, ModelOptions options, Engine engine)
    {
        this.options = options;
        tokenizer = Tokenizer.Load(location.FolderOf(Tokenizer.FileName));
        // Without a limit of its own: the generator says which prompts leave no room, and ends answers with the context.
        renderer = new PromptRenderer(tokenizer, PromptRenderer.TemplateOf(options.Template, tokenizer), options.EnableThinking, GramConfig.Published.TurnFormat, int.MaxValue);
        var quantize = options.QuantizationBit is not null;
        model = CausalLM.Load(location, engine.InferenceDType(Workload.Decoding, quantize), engine.Device, quantize);
        generator = new Generator(model, model.Config.EosTokenIds, tokenizer.PadTokenId ?? (model.Config.EosTokenIds is [var end, ..] ? end : 0));
    }

    /// <summary>Answers of each prompt, in the prompts' order: the greedy one, where asked for, and the samples. Progress counts prompts.</summary>
    public IReadOnlyList<GeneratedGroup> Generate(
        IReadOnlyList<Prompt> prompts, SamplingOptions sampling, bool greedy, int samples, RandomSource random, IPublisher<StepLogged> steps, CancellationToken cancellationToken)
    {
        var rendered = renderer.Render(prompts, "the");
        var groups = new List<GeneratedGroup>();
        var (clock, tokens) = (Stopwatch.StartNew(), 0L);
        // Each sample draws from a fork of its own, so parts give the same answers as the whole.
        foreach (var part in rendered.Chunk(Math.Max(1, PartRows / (samples + (greedy ? 1 : 0)))))
        {
            var made = generator.Generate([.. part.Select(prompt => prompt.Tokens)], sampling, greedy, samples, random, options.BatchSize, cancellationToken);
            tokens += made.Sum(group => (group.Greedy?.Tokens.Length ?? 0) + group.Samples.Sum(sample => (long)sample.Tokens.Length));
            groups.AddRange(made);
            if (rendered.Count > 1) steps.Publish(new StepLogged("generate", groups.Count, rendered.Count, new Dictionary<string, double> { ["tokens_per_s"] = tokens / clock.Elapsed.TotalSeconds }));
        }
        return groups;
    }

    /// <summary>An answer's text, without control tokens.</summary>
    public string Text(GeneratedSequence answer) => tokenizer.Decode(answer.Tokens);

    public void Dispose() => model.Dispose();
}
