using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Gram.Host.Configuration;
using Gram.Host.Hosting;
using Gram.Models;
using Gram.Models.Generation;
using Gram.Pipes.Events;
using Gram.Reward.Data;
using Gram.Training.Runs;
using Microsoft.Extensions.Configuration;

namespace Gram.Host.Commands;

/// <summary>Keys of <c>generate</c> alone.</summary>
internal sealed record GenerateOptions : IValidatableObject
{
    [ConfigurationKeyName("n"), Description("answers of each prompt"), Range(1, 65536)]
    public int N { get; init; } = 1;

    [ConfigurationKeyName("do_sample"), Description("samples instead of taking the likeliest token (default: where n is above 1)")]
    public bool? DoSample { get; init; }

    [ConfigurationKeyName("stream"), Description("writes the answer to --prompt as it comes")]
    public bool Stream { get; init; }

    public bool Samples => DoSample ?? N > 1;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!Samples && N > 1) yield return new ValidationResult($"n: {N} greedy answers would all be the same; set --do_sample true or --n 1");
        if (Stream && N > 1) yield return new ValidationResult($"stream: {N} answers cannot be written at once; set --n 1");
    }
}

/// <summary>n responses for each prompt, greedy or sampled.</summary>
internal sealed class GenerateJob(GenerateOptions options, PromptOptions input, ModelOptions model, SamplingOptions sampling, CommonOptions common, PolicyOpener policies, IPublisher<StepLogged> steps) : IJob
{
    public async Task<JobResult> RunAsync(CancellationToken cancellationToken)
    {
        if (options.Stream && (input.Prompt is null || input.Output is not null || common.Json)) throw new GramException("stream: only the answer to one --prompt is written as it comes, without --output and --json; leave stream out");
        if (options.Stream && model.Remote.Url is not null) throw new GramException("stream: a model at generator_url gives its answers whole; leave stream out");
        var output = input.Prompt is not null && input.Output is null ? null : OutputFile.Choose(input.Output, "generations.jsonl", common);
        var prompts = PromptReader.Read(input);
        using var policy = await policies.OpenAsync(model, cancellationToken);
        var clock = Stopwatch.StartNew();
        var (answers, tokens) = await policy.AnswerAsync(prompts, sampling, options.Samples ? options.N : null, common.Seed, steps, options.Stream ? Write : null, cancellationToken);
        var seconds = clock.Elapsed.TotalSeconds;

        var rows = prompts.Zip(answers, GenerationFile.RowOf).ToList();
        var json = new JsonObject
        {
            ["count"] = prompts.Count,
            ["responses"] = answers.Sum(group => group.Count),
            ["tokens"] = tokens,
            ["seconds"] = seconds,
            ["tokens_per_s"] = tokens / seconds,
        };
        if (output is null || (output == "-" && common.Json))
        {
            json["generations"] = new JsonArray([.. rows]);
            return new JobResult(json, options.Stream ? "" : string.Join("\n\n", answers.SelectMany(group => group)));
        }
        JsonRows.Write(output, rows);
        json["output"] = output;
        return new JobResult(json, $"{json["responses"]} responses to {prompts.Count} prompts, {tokens} tokens in {seconds:0.0} s ({tokens / seconds:0} tokens/s): {output}") { DataOnOutput = output == "-" };
    }

    private static void Write(GeneratedToken token)
    {
        Console.Out.Write(token.Piece);
        Console.Out.Flush();
    }
}
