using Gram.Models;
using Gram.Models.Tokenization;

namespace Gram.Reward.Judging;

/// <summary>The label tokens of a judge.</summary>
public static class JudgeLabels
{
    /// <summary>Ids of the labels, in order.</summary>
    /// <exception cref="GramException">A label is not one token of the vocabulary; the message names it and its ids.</exception>
    public static int[] Ids(Tokenizer tokenizer, IEnumerable<string> labels) => [.. labels.Select(label => tokenizer.Encode(label) switch
    {
        [var id] => id,
        var ids => throw new GramException($"label \"{label}\" must be one token, and is {ids.Length} in this vocabulary ({string.Join(", ", ids)}): choose other labels (gram_candidate_labels)"),
    })];
}
