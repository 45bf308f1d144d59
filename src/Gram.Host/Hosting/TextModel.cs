using System.Diagnostics;
using Gram.Host.Configuration;
using Gram.Models;
using Gram.Models.Generation;
using Gram.Models.Speed;
using Gram.Models.Tokenization;
using Gram.Models.Transformer;
using Gram.Pipes.Events;
using Gram.Ppo.Stages;
using Gram.Reward.Data;
using Gram.Reward.Judging;
using Gram.Training.Runs;

namespace Gram.Host.Hosting;

/// <summary>A language model with its tokenizer and chat template: prompts in, answers out.</summary>
internal sealed class TextModel : IPolicy
{
    /// <summary>Answers that end between two lines of progress.</summary>
    private const int ProgressAnswers = 512;

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
        generator = new Generator(model, model.Config.EosTokenIds, tokenizer.PadTokenId ?? (model.Config.EosTokenIds is [var end, ..] ? end : 0), tokenizer);
    }

    /// <inheritdoc/>
    public Task<PolicyAnswers> AnswerAsync(
        IReadOnlyList<Prompt> prompts, SamplingOptions sampling, int? samples, ulong seed, IPublisher<StepLogged> steps, Action<GeneratedToken>? onToken, CancellationToken cancellationToken)
    {
        var groups = Generate(prompts, sampling, greedy: samples is null, samples ?? 0, new RandomSource(seed), steps, onToken, cancellationToken);
        var answers = groups.Select(group => group.Greedy is { } greedy ? [greedy] : group.Samples).ToList();
        return Task.FromResult(new PolicyAnswers([.. answers.Select(group => group.Select(answer => answer.Text!).ToList())], answers.Sum(group => group.Sum(answer => (long)answer.Tokens.Length))));
    }

    /// <summary>Answers of each prompt, in the prompts' order: the greedy one, where asked for, and the samples. Progress counts prompts.</summary>
    /// <param name="prompts">The prompts.</param>
    /// <param name="sampling">How tokens are drawn.</param>
    /// <param name="greedy">Whether each prompt gets a greedy answer.</param>
    /// <param name="samples">Samples of each prompt.</param>
    /// <param name="random">The command's generator.</param>
    /// <param name="steps">Hears of progress where there are several prompts.</param>
    /// <param name="onToken">Hears of each token as it is drawn.</param>
    /// <param name="cancellationToken">Stops between tokens.</param>
    public IReadOnlyList<GeneratedGroup> Generate(
        IReadOnlyList<Prompt> prompts, SamplingOptions sampling, bool greedy, int samples, RandomSource random, IPublisher<StepLogged> steps, Action<GeneratedToken>? onToken, CancellationToken cancellationToken)
    {
        var rendered = renderer.Render(prompts, "the");
        var unfinished = Enumerable.Repeat(samples + (greedy ? 1 : 0), rendered.Count).ToArray(); // answers of each prompt
        var (clock, tokens, ended, done) = (Stopwatch.StartNew(), 0L, 0, 0);
        return generator.Generate([.. rendered.Select(prompt => prompt.Tokens)], sampling, greedy, samples, random, options.BatchSize, onToken: Count, cancellationToken: cancellationToken);

        void Count(GeneratedToken token)
        {
            onToken?.Invoke(token);
            tokens++;
            if (token.End is null) return;
            ended++;
            if (--unfinished[token.Place.Prompt] == 0) done++;
            if (rendered.Count == 1 || (ended % ProgressAnswers != 0 && done < rendered.Count)) return;
            steps.Publish(new StepLogged("generate", done, rendered.Count, new Dictionary<string, double> { ["tokens_per_s"] = tokens / clock.Elapsed.TotalSeconds }));
        }
    }

    public void Dispose() => model.Dispose();
}
