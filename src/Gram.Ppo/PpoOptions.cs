using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Gram.Models.Checkpoints;
using Gram.Models.Transformer;
using Gram.Training.Adapters;
using Gram.Training.Optimisation;
using Microsoft.Extensions.Configuration;

namespace Gram.Ppo;

/// <summary>
/// A PPO run's settings, under LLaMA-Factory's and TRL's names. A micro-batch has per_device_train_batch_size
/// responses, a mini-batch (one optimiser step) gradient_accumulation_steps of those in each process, a rollout (one PPO step)
/// ppo_buffer_size of these.
/// </summary>
public sealed partial record PpoOptions
{
    /// <summary>The policy: a Hugging Face directory.</summary>
    [ConfigurationKeyName("model_name_or_path"), Description("policy to train: a Hugging Face directory or hub id")]
    public string ModelNameOrPath { get; init; } = "";

    /// <summary>Which weights are trained.</summary>
    [ConfigurationKeyName("finetuning_type"), Description("which weights are trained: all of the policy's (and value model's), or those of LoRA adapters over one base, which is then the reference")]
    public FinetuningType FinetuningType { get; init; } = FinetuningType.Full;

    /// <summary>The policy's adapter, where one is trained; a value model's is of the same shape.</summary>
    public LoraOptions Lora { get; init; } = new();

    /// <summary>Where the policy lies that the run starts from, with the adapter that it goes on with.</summary>
    public ModelLocation Start => new(ModelNameOrPath, FinetuningType == FinetuningType.Lora ? Lora.AdapterNameOrPath : null);

    /// <summary>The reference policy; empty: the initial policy.</summary>
    [ConfigurationKeyName("ref_model"), Description("reference policy of the KL term, a directory or hub id (default: the initial policy)")]
    public string? RefModel { get; init; }

    /// <summary>The judge: a GRAM checkpoint. The run is given a judge; this key is for whoever makes it.</summary>
    [ConfigurationKeyName("reward_model"), Description("GRAM checkpoint that judges: a directory or hub id")]
    public string? RewardModel { get; init; }

    /// <summary>A LoRA adapter of the judge.</summary>
    [ConfigurationKeyName("reward_model_adapters"), Description("a LoRA adapter that goes over the judge: a PEFT directory or hub id (an adapter that names its base can also be the judge)")]
    public string? RewardModelAdapters { get; init; }

    /// <summary>8: the judge's linear layers are int8.</summary>
    [ConfigurationKeyName("reward_model_quantization_bit"), Description("8: the blocks' linear layers of the judge become int8 as it is loaded, half of bfloat16's memory")]
    [AllowedValues(null, 8, ErrorMessage = "reward_model_quantization_bit must be 8: int8 is the only quantised form")]
    public int? RewardModelQuantizationBit { get; init; }

    /// <summary>Training prompts: names in dataset_info.json, or a file. For whoever reads them.</summary>
    [ConfigurationKeyName("dataset"), Description("training prompts: names in dataset_info.json, or files")]
    public IReadOnlyList<string> Dataset { get; init; } = [];

    /// <summary>Folder of dataset_info.json.</summary>
    [ConfigurationKeyName("dataset_dir"), Description("folder of dataset_info.json")]
    public string DatasetDir { get; init; } = "data";

    /// <summary>Held-out prompts: names in dataset_info.json, or a file.</summary>
    [ConfigurationKeyName("eval_dataset"), Description("held-out prompts: names in dataset_info.json, or files")]
    public IReadOnlyList<string> EvalDataset { get; init; } = [];

    /// <summary>Share (below 1) or number of training prompts held out where there is no eval_dataset.</summary>
    [ConfigurationKeyName("val_size"), Description("prompts of the training set held out for evaluation: a share below 1, or a number"), Range(0.0, int.MaxValue)]
    public double ValSize { get; init; }

    /// <summary>Most prompts taken from a set; null: all.</summary>
    [ConfigurationKeyName("max_samples"), Description("most prompts taken from each set"), Range(1, int.MaxValue)]
    public int? MaxSamples { get; init; }

    /// <summary>Chat template's name; "none": raw text; "auto": the checkpoint's own, raw text where it has none.</summary>
    [ConfigurationKeyName("template"), Description("chat template of the prompts: auto (the checkpoint's own, raw text where it has none), none, qwen3, llama3, …")]
    public string Template { get; init; } = "auto";

    /// <summary>Passed to the chat template; null: its default.</summary>
    [ConfigurationKeyName("enable_thinking"), Description("whether the chat template opens a think block (default: off)")]
    public bool? EnableThinking { get; init; } = false;

    /// <summary>Run directory.</summary>
    [ConfigurationKeyName("output_dir"), Description("run directory: metrics, checkpoints, samples and the final model")]
    public string OutputDir { get; init; } = "saves/ppo";

    /// <summary>Whether an earlier run in output_dir may be replaced.</summary>
    [ConfigurationKeyName("overwrite_output_dir"), Description("replaces an earlier run in output_dir")]
    public bool OverwriteOutputDir { get; init; }

    /// <summary>"true": the newest checkpoint of output_dir, from the beginning where there is none; or a checkpoint's directory.</summary>
    [ConfigurationKeyName("resume_from_checkpoint"), Description("true (the newest checkpoint in output_dir) or a checkpoint directory")]
    public string? ResumeFromCheckpoint { get; init; }

    /// <summary>Seed of every draw.</summary>
    [ConfigurationKeyName("seed"), Description("seed of every random draw")]
    public ulong Seed { get; init; } = 42;

    /// <summary>PPO steps (rollouts), instead of num_train_epochs where above 0.</summary>
    [ConfigurationKeyName("max_steps"), Description("PPO steps, one rollout each, instead of num_train_epochs where above 0"), Range(-1, int.MaxValue)]
    public int MaxSteps { get; init; } = -1;

    /// <summary>Passes over the prompts without max_steps.</summary>
    [ConfigurationKeyName("num_train_epochs"), Description("passes over the prompts without max_steps"), Range(0.0, 1e6)]
    public double NumTrainEpochs { get; init; } = 1;

    /// <summary>Responses of one forward and backward.</summary>
    [ConfigurationKeyName("per_device_train_batch_size"), Description("responses of a micro-batch: one forward and backward"), Range(1, int.MaxValue)]
    public int PerDeviceTrainBatchSize { get; init; } = 4;

    /// <summary>Micro-batches of one optimiser step.</summary>
    [ConfigurationKeyName("gradient_accumulation_steps"), Description("micro-batches of a mini-batch: one optimiser step"), Range(1, int.MaxValue)]
    public int GradientAccumulationSteps { get; init; } = 1;

    /// <summary>Whether activations are computed again instead of kept.</summary>
    [ConfigurationKeyName("gradient_checkpointing"), Description("computes a block's activations again in the backward instead of keeping them: the same numbers in a fraction of the memory, for about a quarter more time")]
    public bool GradientCheckpointing { get; init; }

    /// <summary>Mini-batches of one rollout.</summary>
    [ConfigurationKeyName("ppo_buffer_size"), Description("mini-batches of a rollout: one PPO step"), Range(1, int.MaxValue)]
    public int PpoBufferSize { get; init; } = 4;

    /// <summary>Rows decoded at once, in rollouts and evaluation.</summary>
    [ConfigurationKeyName("per_device_eval_batch_size"), Description("rows decoded at once, in rollouts and evaluation"), Range(1, int.MaxValue)]
    public int PerDeviceEvalBatchSize { get; init; } = 64;

    /// <summary>Sampled responses of a prompt; a rollout's responses are a multiple of it.</summary>
    [ConfigurationKeyName("num_samples"), Description("sampled responses of a prompt (k)"), Range(1, 1024)]
    public int NumSamples { get; init; } = 1;

    /// <summary>Most new tokens of a response.</summary>
    [ConfigurationKeyName("max_new_tokens"), Description("most new tokens of a response"), Range(1, int.MaxValue)]
    public int MaxNewTokens { get; init; } = 256;

    /// <summary>Texts that end a response, beside the model's end tokens: every token that holds one of them does, and is part of the response.</summary>
    [ConfigurationKeyName("stop_tokens"), Description("texts that end a response as the policy's end tokens do: every token that holds one of them does, and is part of the response (as a JSON list: [\"\\n\"])")]
    public IReadOnlyList<string> StopTokens { get; init; } = [];

    /// <summary>Divides the logits of rollouts, in sampling and in every log-prob; those of evaluations too without <see cref="EvalTemperature"/>.</summary>
    [ConfigurationKeyName("temperature"), Description("divides the logits of rollouts, in sampling and in every log-prob"), Range(1e-3, 100)]
    public double Temperature { get; init; } = 1;

    /// <summary>Divides the logits in evaluations, both of their samples and of the log-probs of KL and perplexity; null: <see cref="Temperature"/>.</summary>
    [ConfigurationKeyName("eval_temperature"), Description("divides the logits in evaluations, where the policy is used at another temperature than it learns at (default: temperature)"), Range(1e-3, 100)]
    public double? EvalTemperature { get; init; }

    /// <summary>Keeps the k likeliest tokens; 0: all.</summary>
    [ConfigurationKeyName("top_k"), Description("samples among the k likeliest tokens; 0: all"), Range(0, int.MaxValue)]
    public int TopK { get; init; }

    /// <summary>Keeps the likeliest tokens up to this probability; 1: all.</summary>
    [ConfigurationKeyName("top_p"), Description("samples among the likeliest tokens up to this probability; 1: all"), Range(1e-6, 1)]
    public double TopP { get; init; } = 1;

    /// <summary>Keeps tokens of at least this share of the likeliest one's probability; 0: all.</summary>
    [ConfigurationKeyName("min_p"), Description("samples among tokens of at least this share of the likeliest one's probability; 0: all"), Range(0.0, 1.0)]
    public double MinP { get; init; }

    /// <summary>What samples are judged against.</summary>
    [ConfigurationKeyName("reference"), Description("what a sample is judged against: greedy, initial or dataset")]
    public Reference Reference { get; init; } = Reference.Greedy;

    /// <summary>Whether samples are judged against the reference response or against one another.</summary>
    [ConfigurationKeyName("reward_from"), Description("what a sample is scored by: reference (the reference response), or, for rloo and grpo, round_robin (the query's other samples)")]
    public RewardFrom RewardFrom { get; init; } = RewardFrom.Reference;

    /// <summary>From the judge's score to a reward.</summary>
    [ConfigurationKeyName("reward_transform"), Description("from the judge's score p to a reward: centered 2p − 1, logit, or probability p")]
    public RewardTransform RewardTransform { get; init; } = RewardTransform.Centered;

    /// <summary>Bound of the logit transform.</summary>
    [ConfigurationKeyName("reward_clip"), Description("bound of the logit transform"), Range(1e-3, 100)]
    public double RewardClip { get; init; } = 5;

    /// <summary>Assemblies with terms of the reward beside the judge: classes that implement <see cref="Rewards.IReward"/>.</summary>
    [ConfigurationKeyName("reward_plugins"), Description("assemblies (.dll) whose public classes that implement Gram.Ppo.Rewards.IReward are terms of the reward, beside the judge")]
    public IReadOnlyList<string> RewardPlugins { get; init; } = [];

    /// <summary>Reward servers that speak OpenRLHF's protocol, as ADDRESS or NAME=ADDRESS: terms of the reward.</summary>
    [ConfigurationKeyName("reward_servers"), Description("reward servers that speak OpenRLHF's protocol (ADDRESS, or NAME=ADDRESS) and are terms of the reward, beside the judge")]
    public IReadOnlyList<string> RewardServers { get; init; } = [];

    /// <summary>Weights of the reward's terms, as NAME=NUMBER; 1 unless given. The length penalty and distinct-2 are terms where they have a weight.</summary>
    [ConfigurationKeyName("reward_weights"), Description("weights of the reward's terms, 1 unless given: judge=1,length=0.2,NAME=…; length, the length penalty, and distinct_2, variety, are terms where they have one")]
    public IReadOnlyList<string> RewardWeights { get; init; } = [];

    /// <summary>Tokens of a response that the length penalty leaves free.</summary>
    [ConfigurationKeyName("length_penalty_from"), Description("tokens of a response that the length penalty leaves free; from there it falls to -1 at max_new_tokens"), Range(0, int.MaxValue)]
    public int LengthPenaltyFrom { get; init; }

    /// <summary>Tokens at which the mean length of a step's samples is held, the term <see cref="Rewards.MeanLength"/>; 0: nothing holds it.</summary>
    [ConfigurationKeyName("length_target"), Description("tokens at which the term mean_length holds the mean length of samples, with its weight in reward_weights; 0: no such term"), Range(0, int.MaxValue)]
    public int LengthTarget { get; init; }

    /// <summary>Longest wait for a reward server's answer, in seconds.</summary>
    [ConfigurationKeyName("reward_server_timeout"), Description("longest wait for a reward server's answer, in seconds"), Range(1.0, 86400)]
    public double RewardServerTimeout { get; init; } = 180;

    /// <summary>Tries after the first where a reward server is busy or away.</summary>
    [ConfigurationKeyName("reward_server_retries"), Description("tries after the first where a reward server is busy or away"), Range(0, 100)]
    public int RewardServerRetries { get; init; } = 5;

    /// <summary>Divides rewards by their running root mean square; null: on for gae and remax with centered and logit.</summary>
    [ConfigurationKeyName("ppo_score_norm"), Description("divides rewards by their running root mean square (default: on for gae and remax with centered and logit)")]
    public bool? PpoScoreNorm { get; init; }

    /// <summary>Whitens the rewards of all tokens, mean kept.</summary>
    [ConfigurationKeyName("ppo_whiten_rewards"), Description("whitens token rewards, mean kept (gae only)")]
    public bool PpoWhitenRewards { get; init; }

    /// <summary>Gives text that imitates the judge prompt's markers the lowest reward.</summary>
    [ConfigurationKeyName("marker_penalty"), Description("lowest reward for text that imitates the judge prompt's markers")]
    public bool MarkerPenalty { get; init; } = true;

    /// <summary>Lines of a response that are judged; 0: all.</summary>
    [ConfigurationKeyName("judged_lines"), Description("lines of a response that are judged; 0: all"), Range(0, int.MaxValue)]
    public int JudgedLines { get; init; }

    /// <summary>Responses without an end token: keep, mask (no gradient), or "penalty c" (c replaces the reward).</summary>
    [ConfigurationKeyName("truncation"), Description("responses without an end token: keep, mask (no gradient), or 'penalty c' (c replaces the reward)")]
    [RegularExpression(@"keep|mask|penalty\s+[-+]?\d+(\.\d+)?", ErrorMessage = "truncation must be keep, mask or 'penalty c', for example 'penalty -1'")]
    public string Truncation { get; init; } = "keep";

    /// <summary>Where advantages come from.</summary>
    [ConfigurationKeyName("advantage"), Description("gae (value model), remax (greedy baseline), rloo (the other samples' mean) or grpo (standardised within the samples)")]
    public Advantage Advantage { get; init; } = Advantage.Gae;

    /// <summary>Discount per token.</summary>
    [ConfigurationKeyName("gamma"), Description("discount per token"), Range(0.0, 1.0)]
    public double Gamma { get; init; } = 1;

    /// <summary>GAE's λ.</summary>
    [ConfigurationKeyName("lam"), Description("GAE's lambda"), Range(0.0, 1.0)]
    public double Lam { get; init; } = 0.95;

    /// <summary>Whose weights the value head stands on.</summary>
    [ConfigurationKeyName("value_model"), Description("separate (a copy of the initial policy with weights of its own) or shared (a head on the policy's trunk)")]
    public ValueModelKind ValueModel { get; init; } = ValueModelKind.Separate;

    /// <summary>β, fixed, or the start of the adaptive one.</summary>
    [ConfigurationKeyName("kl_coef"), Description("weight of the KL term, or its start where ppo_target is set"), Range(0.0, 1e3)]
    public double KlCoef { get; init; } = 0.05;

    /// <summary>KL in nats a response that an adaptive β steers to; null: β is fixed.</summary>
    [ConfigurationKeyName("ppo_target"), Description("KL (nats a response) that an adaptive weight steers to (default: fixed weight)"), Range(1e-6, 1e6)]
    public double? PpoTarget { get; init; }

    /// <summary>Horizon of the adaptive β, in responses.</summary>
    [ConfigurationKeyName("kl_horizon"), Description("horizon of the adaptive KL weight, in responses"), Range(1, int.MaxValue)]
    public int KlHorizon { get; init; } = 10_000;

    /// <summary>Where the KL term acts; null: in the loss for grpo, in the reward for the others.</summary>
    [ConfigurationKeyName("kl_in"), Description("where the KL term acts: reward or loss (default: loss for grpo, reward for the others)")]
    public KlIn? KlIn { get; init; }

    /// <summary>Passes over a rollout.</summary>
    [ConfigurationKeyName("ppo_epochs"), Description("passes over a rollout"), Range(1, 1000)]
    public int PpoEpochs { get; init; } = 1;

    /// <summary>PPO steps that rollouts run ahead of the updates; 0: on-policy.</summary>
    [ConfigurationKeyName("async_steps"), Description("1: the next rollout is generated and scored before this one is learnt from, while a judge elsewhere works; its ratios are against the weights that made it. 0: on-policy"), Range(0, 1)]
    public int AsyncSteps { get; init; }

    /// <summary>Clip range of the ratio.</summary>
    [ConfigurationKeyName("cliprange"), Description("clip range of the policy ratio"), Range(0.0, 1e6)]
    public double Cliprange { get; init; } = 0.2;

    /// <summary>Clip range of the value's change.</summary>
    [ConfigurationKeyName("cliprange_value"), Description("clip range of the value's change"), Range(0.0, 1e6)]
    public double CliprangeValue { get; init; } = 0.2;

    /// <summary>Coefficient of the value loss.</summary>
    [ConfigurationKeyName("vf_coef"), Description("coefficient of the value loss"), Range(0.0, 1e3)]
    public double VfCoef { get; init; } = 0.1;

    /// <summary>Coefficient of the entropy bonus.</summary>
    [ConfigurationKeyName("entropy_coef"), Description("coefficient of the entropy bonus"), Range(0.0, 1e3)]
    public double EntropyCoef { get; init; }

    /// <summary>Policy's peak rate.</summary>
    [ConfigurationKeyName("learning_rate"), Description("policy's peak learning rate"), Range(0.0, 1.0)]
    public double LearningRate { get; init; } = 1e-6;

    /// <summary>Value model's peak rate.</summary>
    [ConfigurationKeyName("value_learning_rate"), Description("value model's peak learning rate"), Range(0.0, 1.0)]
    public double ValueLearningRate { get; init; } = 1e-5;

    /// <summary>Shape of both rates after warm-up.</summary>
    [ConfigurationKeyName("lr_scheduler_type"), Description("shape of the learning rate after warm-up: cosine, linear, constant_with_warmup, or constant, which has no warm-up")]
    public LrSchedulerType LrSchedulerType { get; init; } = LrSchedulerType.Cosine;

    /// <summary>Share of optimiser steps spent in warm-up.</summary>
    [ConfigurationKeyName("warmup_ratio"), Description("share of optimiser steps spent in warm-up"), Range(0.0, 1.0)]
    public double WarmupRatio { get; init; } = 0.03;

    /// <summary>Optimiser steps of warm-up; above 0 it wins over the ratio.</summary>
    [ConfigurationKeyName("warmup_steps"), Description("optimiser steps of warm-up; above 0 it wins over warmup_ratio"), Range(0, int.MaxValue)]
    public int WarmupSteps { get; init; }

    /// <summary>What steps the weights.</summary>
    [ConfigurationKeyName("optim"), Description(AdamWOptions.OptimDescription)]
    [AllowedValues(AdamWOptions.Torch, AdamWOptions.Fused, AdamWOptions.EightBit, AdamWOptions.EightBitToo)]
    public string Optim { get; init; } = AdamWOptions.Torch;

    /// <summary>AdamW's decay of the first moment.</summary>
    [ConfigurationKeyName("adam_beta1"), Description("AdamW's decay of the first moment"), Range(0.0, 1.0, MaximumIsExclusive = true)]
    public double AdamBeta1 { get; init; } = 0.9;

    /// <summary>AdamW's decay of the second moment.</summary>
    [ConfigurationKeyName("adam_beta2"), Description("AdamW's decay of the second moment"), Range(0.0, 1.0, MaximumIsExclusive = true)]
    public double AdamBeta2 { get; init; } = 0.95;

    /// <summary>AdamW's epsilon.</summary>
    [ConfigurationKeyName("adam_epsilon"), Description("AdamW's epsilon"), Range(0.0, 1.0)]
    public double AdamEpsilon { get; init; } = 1e-8;

    /// <summary>Decoupled weight decay.</summary>
    [ConfigurationKeyName("weight_decay"), Description("decoupled weight decay"), Range(0.0, 1.0)]
    public double WeightDecay { get; init; }

    /// <summary>Global gradient norm that is clipped to; 0: not clipped.</summary>
    [ConfigurationKeyName("max_grad_norm"), Description("global gradient norm that is clipped to; 0: not clipped"), Range(0.0, 1e9)]
    public double MaxGradNorm { get; init; } = 1;

    /// <summary>k3 between new and old policy that ends a step's epochs early.</summary>
    [ConfigurationKeyName("target_kl"), Description("KL of new against old policy (k3 a token) that ends a step's epochs early (default: never)"), Range(0.0, 1e6)]
    public double? TargetKl { get; init; }

    /// <summary>KL in nats a response against the reference that ends the run.</summary>
    [ConfigurationKeyName("max_kl"), Description("KL against the reference (nats a response) that ends the run (default: none)"), Range(0.0, 1e6)]
    public double? MaxKl { get; init; }

    /// <summary>KL in nats a response of samples on held-out prompts, at their own temperature: the first evaluation above it ends the run, which is done then, with the weights of the evaluation before, where there is one. Evaluations within it are checkpoints.</summary>
    [ConfigurationKeyName("max_eval_kl"), Description("KL of held-out samples (eval/kl, nats a response): the first evaluation above it ends the run, done, with the weights of the evaluation before; each within it is a checkpoint (default: none)"), Range(0.0, 1e6)]
    public double? MaxEvalKl { get; init; }

    /// <summary>Skipped optimiser steps in a row that end the run.</summary>
    [ConfigurationKeyName("max_skipped_steps"), Description("optimiser steps in a row that are not finite and end the run"), Range(1, int.MaxValue)]
    public int MaxSkippedSteps { get; init; } = 5;

    /// <summary>PPO steps between lines of metrics.</summary>
    [ConfigurationKeyName("logging_steps"), Description("PPO steps between lines of metrics"), Range(1, int.MaxValue)]
    public int LoggingSteps { get; init; } = 1;

    /// <summary>PPO steps between evaluations; 0: only at the end.</summary>
    [ConfigurationKeyName("eval_steps"), Description("PPO steps between evaluations on held-out prompts; 0: only at the end"), Range(0, int.MaxValue)]
    public int EvalSteps { get; init; }

    /// <summary>PPO steps between checkpoints; 0: none but those of max_eval_kl.</summary>
    [ConfigurationKeyName("save_steps"), Description("PPO steps between checkpoints; 0: none but those of max_eval_kl"), Range(0, int.MaxValue)]
    public int SaveSteps { get; init; }

    /// <summary>Checkpoints kept; null: all.</summary>
    [ConfigurationKeyName("save_total_limit"), Description("checkpoints kept (default: all)"), Range(1, int.MaxValue)]
    public int? SaveTotalLimit { get; init; }

    /// <summary>Whether the run goes on while a checkpoint is written, from a copy of what it holds.</summary>
    [ConfigurationKeyName("background_save"), Description("the run goes on while a checkpoint is written, from a copy in memory; false: it waits, without the copy")]
    public bool BackgroundSave { get; init; } = true;

    /// <summary>An assembly with the task's own measure: a class that implements <see cref="IGoldMeasure"/>.</summary>
    [ConfigurationKeyName(Ppo.GoldPlugin.Key), Description("assembly (.dll) whose public class that implements Gram.Ppo.IGoldMeasure measures held-out answers, which training never sees")]
    public string? GoldPlugin { get; init; }

    /// <summary>Whether a run that does not fit into memory is refused.</summary>
    [ConfigurationKeyName("memory_check"), Description("refuses a run that would take more memory than is free, before its first step")]
    public bool MemoryCheck { get; init; } = true;

    /// <summary>Largest file of saved weights.</summary>
    [ConfigurationKeyName("max_shard_size"), Description("largest file of saved weights: bytes, or for instance 5GB or 200MB; larger models are saved in shards")]
    [RegularExpression(Shards.SizePattern, ErrorMessage = "max_shard_size must be a size such as 5GB, 200MB or a number of bytes")]
    public string MaxShardSize { get; init; } = Shards.DefaultSize;
}
