using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Gram.Models.Generation;
using Gram.Models.Transformer;
using Gram.Training.Adapters;
using Gram.Training.Optimisation;
using Gram.Training.Runs;

namespace Gram.Ppo;

/// <content>What follows from the keys, and which of them do not go together.</content>
public sealed partial record PpoOptions : IValidatableObject
{
    /// <summary>Whether a value model has weights of its own.</summary>
    public bool HasValueWeights => Advantage == Advantage.Gae && ValueModel == ValueModelKind.Separate;

    /// <summary>Whether moments are 8 bits a number.</summary>
    public bool HasEightBitMoments => AdamWOptions.IsEightBit(Optim);

    /// <summary>Processes that do the run together.</summary>
    public int Processes { get; init; } = 1;

    /// <summary>Responses of one rollout.</summary>
    public int RolloutSize => PerDeviceTrainBatchSize * GradientAccumulationSteps * Processes * PpoBufferSize;

    /// <summary>Prompts of one rollout.</summary>
    public int PromptsPerStep => RolloutSize / NumSamples;

    /// <summary>How responses are drawn.</summary>
    public SamplingOptions Sampling => new() { MaxNewTokens = MaxNewTokens, Temperature = Temperature, TopK = TopK, TopP = TopP, MinP = MinP };

    /// <summary>How an evaluation's responses are drawn.</summary>
    public SamplingOptions EvalSampling => Sampling with { Temperature = EvalTemperature ?? Temperature };

    /// <summary>Whether the run is to go on from a checkpoint.</summary>
    public bool Resumes => RunDirectory.Resumes(ResumeFromCheckpoint);

    /// <summary>Whether checkpoints are written while the run lasts: every save_steps, or of evaluations, which max_eval_kl may go back to.</summary>
    public bool SavesCheckpoints => SaveSteps > 0 || MaxEvalKl is not null;

    /// <summary>Whether rewards are divided by their running root mean square.</summary>
    public bool NormalisesRewards => PpoScoreNorm ?? (Advantage is Advantage.Gae or Advantage.Remax && RewardTransform != RewardTransform.Probability);

    /// <summary>Whether the KL term is part of the rewards, and not of the loss.</summary>
    public bool HasKlInReward => (KlIn ?? (Advantage == Advantage.Grpo ? Ppo.KlIn.Loss : Ppo.KlIn.Reward)) == Ppo.KlIn.Reward;

    /// <summary>Whether a query's samples are compared with one another to make advantages.</summary>
    public bool ComparesSamples => Advantage is Advantage.Rloo or Advantage.Grpo;

    /// <summary>Whether a rollout decodes the policy's greedy answers too.</summary>
    public bool DecodesGreedy => Reference == Reference.Greedy && RewardFrom == RewardFrom.Reference;

    /// <summary>Whether truncated responses get no gradient.</summary>
    public bool MasksTruncated => Truncation == "mask";

    /// <summary>What replaces a truncated response's reward, if anything.</summary>
    public double? TruncationPenalty => Truncation.StartsWith("penalty", StringComparison.Ordinal)
        ? double.Parse(Truncation.AsSpan("penalty".Length), NumberStyles.Float, CultureInfo.InvariantCulture)
        : null;

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (RolloutSize % NumSamples != 0)
            yield return new ValidationResult($"num_samples ({NumSamples}) must divide the rollout of per_device_train_batch_size × gradient_accumulation_steps × ppo_buffer_size{(Processes > 1 ? $" × {Processes} processes" : "")} = {RolloutSize} responses", ["num_samples"]);
        if (ModelNameOrPath.Length == 0)
            yield return new ValidationResult("model_name_or_path is not set: name the directory of the policy", ["model_name_or_path"]);
        if (FinetuningType == FinetuningType.Lora && Lora.Dropout > 0)
            yield return new ValidationResult("lora_dropout: a ratio of the policy to itself must be 1, and dropout would draw another network for each; leave it out", ["lora_dropout"]);
        if (StopTokens.Contains(""))
            yield return new ValidationResult("stop_tokens: an empty text would end every response at once; leave it out", ["stop_tokens"]);
        var advantage = Advantage.ToString().ToLowerInvariant();
        if (Advantage != Advantage.Gae && PpoWhitenRewards)
            yield return new ValidationResult($"ppo_whiten_rewards has no meaning with advantage: {advantage}; leave it out", ["ppo_whiten_rewards"]);
        if (ComparesSamples && NumSamples < 2)
            yield return new ValidationResult($"advantage: {advantage} compares a query's samples: num_samples must be at least 2, and is {NumSamples}", ["num_samples"]);
        if (!ComparesSamples && RewardFrom == RewardFrom.RoundRobin)
            yield return new ValidationResult($"reward_from: round_robin is for rloo and grpo, and advantage is {advantage}", ["reward_from"]);
        if (Advantage == Advantage.Grpo && KlIn == Ppo.KlIn.Reward)
            yield return new ValidationResult("advantage: grpo keeps the KL term in the loss; leave kl_in out", ["kl_in"]);
        if (LengthPenaltyFrom >= MaxNewTokens)
            yield return new ValidationResult($"length_penalty_from ({LengthPenaltyFrom}) must be below max_new_tokens ({MaxNewTokens})", ["length_penalty_from"]);
        if (LengthTarget > MaxNewTokens)
            yield return new ValidationResult($"length_target ({LengthTarget}) is more than max_new_tokens ({MaxNewTokens}): no response is as long", ["length_target"]);
        if (MaxEvalKl is not null && EvalSteps == 0)
            yield return new ValidationResult("max_eval_kl is looked at where the run evaluates, and eval_steps is 0; set it", ["eval_steps"]);
        if (Advantage == Advantage.Grpo && PpoScoreNorm == true)
            yield return new ValidationResult("advantage: grpo standardises rewards within a query's samples; leave ppo_score_norm out", ["ppo_score_norm"]);
    }
}
