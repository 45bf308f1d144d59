using System.Text.Json.Serialization;
using Gram.Ppo.Records;
using static TorchSharp.torch;

namespace Gram.Ppo.Events;

/// <summary>One judged response: a line of samples.jsonl.</summary>
/// <param name="Step">PPO step.</param>
/// <param name="Prompt">The judge's question.</param>
/// <param name="Response">The sample's text as judged.</param>
/// <param name="Reference">What it was judged against.</param>
/// <param name="Score">The judge's score p of the sample in [0, 1].</param>
/// <param name="Reward">Reward at the last token, as trained on.</param>
/// <param name="Kl">Σ k1 against the reference policy, in nats.</param>
/// <param name="Tokens">Length of the response.</param>
/// <param name="Ended">Whether it ended at an end token.</param>
/// <param name="Marker">Whether it imitates the judge prompt's markers.</param>
public sealed record SampleLine(
    [property: JsonPropertyName("step")] int Step,
    [property: JsonPropertyName("prompt")] string Prompt,
    [property: JsonPropertyName("response")] string Response,
    [property: JsonPropertyName("reference")] string Reference,
    [property: JsonPropertyName("score")] double Score,
    [property: JsonPropertyName("reward")] double Reward,
    [property: JsonPropertyName("kl")] double Kl,
    [property: JsonPropertyName("tokens")] int Tokens,
    [property: JsonPropertyName("ended")] bool Ended,
    [property: JsonPropertyName("marker")] bool Marker);

/// <summary>Event: a few judged responses of a step. The run itself writes them to samples.jsonl.</summary>
public sealed record SamplesLogged(int Step, IReadOnlyList<SampleLine> Samples)
{
    private const int PerStep = 4;

    /// <summary>A few of a step's responses, evenly over their lengths.</summary>
    internal static SamplesLogged Of(Update update, int step)
    {
        var experience = update.Experience;
        var judgement = experience.Judgement;
        var rows = judgement.Rollout.Rows;
        using var scope = NewDisposeScope();
        var kl = experience.Kl.sum(1).cpu().data<float>().ToArray();
        var count = Math.Min(PerStep, rows.Count);
        return new(step,
        [
            .. Enumerable.Range(0, count).Select(i => i * rows.Count / count).Select(i => new SampleLine(
                step, rows[i].Prompt.Question, judgement.Verdicts[i].Text, judgement.Verdicts[i].Reference, judgement.Verdicts[i].Score,
                experience.Rewards[i], kl[i], rows[i].Response.Tokens.Length, rows[i].Response.Ended, judgement.Verdicts[i].Marker)),
        ]);
    }
}
