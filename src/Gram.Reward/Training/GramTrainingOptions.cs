using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Gram.Models.Checkpoints;
using Gram.Models.Transformer;
using Gram.Models.Transformer.Lora;
using Gram.Training.Adapters;
using Gram.Training.Optimisation;
using Microsoft.Extensions.Configuration;

namespace Gram.Reward.Training;

/// <summary>When something recurring is done (transformers' names).</summary>
public enum IntervalStrategy
{
    /// <summary>Never.</summary>
    No,
    /// <summary>Every so many optimiser steps.</summary>
    Steps,
    /// <summary>At the end of each epoch.</summary>
    Epoch,
}

/// <summary>A GRAM training run, stage 1 or 2, under LLaMA-Factory's keys.</summary>
public sealed record GramTrainingOptions
{
    /// <summary>The model to train.</summary>
    [ConfigurationKeyName("model_name_or_path"), Required, Description("the model to train: a Hugging Face directory or hub id")]
    public string ModelNameOrPath { get; init; } = "";

    /// <summary>Where the run and the trained model are written.</summary>
    [ConfigurationKeyName("output_dir"), Description("folder of the run; the trained model is written there")]
    public string OutputDir { get; init; } = "saves/gram";

    /// <summary>LLaMA-Factory's stage: both GRAM stages are sft.</summary>
    [ConfigurationKeyName("stage"), AllowedValues("sft"), Description("sft for both GRAM stages; gram_loss chooses the second")]
    public string Stage { get; init; } = "sft";

    /// <summary>Which weights are trained.</summary>
    [ConfigurationKeyName("finetuning_type"), Description("which weights are trained: all of them, or those of a LoRA adapter over them")]
    public FinetuningType FinetuningType { get; init; } = FinetuningType.Full;

    /// <summary>The adapter, where one is trained.</summary>
    public LoraOptions Lora { get; init; } = new();

    /// <summary>The adapter's shape; null where all weights are trained.</summary>
    internal LoraConfig? Adapter => FinetuningType == FinetuningType.Lora ? Lora.Shape() : null;

    /// <summary>Where the model lies that the run starts from, with the adapter that it goes on with.</summary>
    internal ModelLocation Start => new(ModelNameOrPath, FinetuningType == FinetuningType.Lora ? Lora.AdapterNameOrPath : null);

    /// <summary>Data sets, by name or file.</summary>
    [ConfigurationKeyName("dataset"), Description("training data: names in dataset_info.json, or files")]
    public IReadOnlyList<string> Dataset { get; init; } = [];

    /// <summary>Folder of dataset_info.json.</summary>
    [ConfigurationKeyName("dataset_dir"), Description("folder of dataset_info.json")]
    public string DatasetDir { get; init; } = "data";

    /// <summary>Held-out data sets.</summary>
    [ConfigurationKeyName("eval_dataset"), Description("evaluation data: names in dataset_info.json, or files")]
    public IReadOnlyList<string> EvalDataset { get; init; } = [];

    /// <summary>Share (below 1) or number of training rows held out for evaluation.</summary>
    [ConfigurationKeyName("val_size"), Range(0.0, int.MaxValue), Description("rows of the training data held out for evaluation: a share below 1, or a number")]
    public double ValSize { get; init; }

    /// <summary>Most rows of each data set.</summary>
    [ConfigurationKeyName("max_samples"), Range(1, int.MaxValue), Description("most rows taken from each data set")]
    public int? MaxSamples { get; init; }

    /// <summary>Folder of encoded examples.</summary>
    [ConfigurationKeyName("tokenized_path"), Description("folder where encoded examples are kept, and taken from while data, template, tokenizer and settings are the same")]
    public string? TokenizedPath { get; init; }

    /// <summary>Whether what tokenized_path holds is made again.</summary>
    [ConfigurationKeyName("overwrite_cache"), Description("encodes again what tokenized_path holds")]
    public bool OverwriteCache { get; init; }

    /// <summary>Whether examples stay on disk.</summary>
    [ConfigurationKeyName("streaming"), Description("keeps encoded examples on disk instead of in memory (in tokenized_path, else in a temporary file), for data larger than memory")]
    public bool Streaming { get; init; }

    /// <summary>Chat template's name.</summary>
    [ConfigurationKeyName("template"), Description("chat template: auto (the checkpoint's own), none, qwen3, llama3, chatml, smollm2, …")]
    public string Template { get; init; } = "auto";

    /// <summary>Qwen3's thinking.</summary>
    [ConfigurationKeyName("enable_thinking"), Description("false puts an empty think block before the answer, where the template has one")]
    public bool? EnableThinking { get; init; } = false;

    /// <summary>System message of rows without one.</summary>
    [ConfigurationKeyName("default_system"), Description("system message of rows without one; the template's own unless set")]
    public string? DefaultSystem { get; init; }

    /// <summary>Most tokens of an example.</summary>
    [ConfigurationKeyName("cutoff_len"), Range(1, int.MaxValue), Description("most tokens of an example")]
    public int CutoffLen { get; init; } = 2048;

    /// <summary>Whether rows hold several examples.</summary>
    [ConfigurationKeyName("packing"), Description("puts several examples into a row of cutoff_len tokens, each of which attends to itself alone: no padding between them, the same loss")]
    public bool Packing { get; init; }

    /// <summary>LLaMA-Factory's name for packing that keeps examples apart.</summary>
    [ConfigurationKeyName("neat_packing"), Description("the same as packing, which always keeps examples apart")]
    public bool? NeatPacking { get; init; }

    /// <summary>Whether rows hold several examples, by either key.</summary>
    internal bool Packs => Packing || NeatPacking == true;

    /// <summary>Most tokens of an example: under packing one less than of a row, as in LLaMA-Factory.</summary>
    internal int MostTokens => Packs ? Math.Max(1, CutoffLen - 1) : CutoffLen;

    /// <summary>Whether only the last turn is trained.</summary>
    [ConfigurationKeyName("mask_history"), Description("trains the last turn of a conversation only")]
    public bool MaskHistory { get; init; }

    /// <summary>Whether prompts are trained too.</summary>
    [ConfigurationKeyName("train_on_prompt"), Description("trains prompts as well as answers")]
    public bool TrainOnPrompt { get; init; }

    /// <summary>Whether bad rows are dropped and listed.</summary>
    [ConfigurationKeyName("clean"), Description("drops and lists rows that are over-long, empty, repetitive, not text, or have equal answers")]
    public bool Clean { get; init; }

    /// <summary>Whether this is stage 2.</summary>
    [ConfigurationKeyName("gram_loss"), Description("stage 2: the loss looks at the label only")]
    public bool GramLoss { get; init; }

    /// <summary>Label texts, one token each.</summary>
    [ConfigurationKeyName("gram_candidate_labels"), Description("the labels, one token each")]
    public IReadOnlyList<string> GramCandidateLabels { get; init; } = ["A", "B"];

    /// <summary>Smoothing of the label's cross-entropy.</summary>
    [ConfigurationKeyName("gram_label_smoothing"), Range(0.0, 1.0), Description("label smoothing of stage 2")]
    public double GramLabelSmoothing { get; init; } = 0.1;

    /// <summary>Judge prompt of rows converted here, and of the trained judge.</summary>
    [ConfigurationKeyName("gram_prompt"), Description("judge prompt with the slots {question}, {answer_a}, {answer_b}; GRAM's own unless set")]
    public string? GramPrompt { get; init; }

    /// <summary>Base learning rate.</summary>
    [ConfigurationKeyName("learning_rate"), Range(0.0, 1.0), Description("learning rate after warm-up")]
    public double LearningRate { get; init; } = 1e-5;

    /// <summary>Passes over the data.</summary>
    [ConfigurationKeyName("num_train_epochs"), Range(0.0, 1e6), Description("passes over the data")]
    public double NumTrainEpochs { get; init; } = 1;

    /// <summary>Optimiser steps; wins over epochs.</summary>
    [ConfigurationKeyName("max_steps"), Range(-1, int.MaxValue), Description("optimiser steps, instead of num_train_epochs where above 0")]
    public int MaxSteps { get; init; } = -1;

    /// <summary>Rows of one forward and backward.</summary>
    [ConfigurationKeyName("per_device_train_batch_size"), Range(1, int.MaxValue), Description("rows of one forward and backward")]
    public int PerDeviceTrainBatchSize { get; init; } = 2;

    /// <summary>Rows of one forward in evaluation.</summary>
    [ConfigurationKeyName("per_device_eval_batch_size"), Range(1, int.MaxValue), Description("rows of one forward in evaluation")]
    public int PerDeviceEvalBatchSize { get; init; } = 8;

    /// <summary>Forwards of one optimiser step.</summary>
    [ConfigurationKeyName("gradient_accumulation_steps"), Range(1, int.MaxValue), Description("forwards and backwards of one optimiser step")]
    public int GradientAccumulationSteps { get; init; } = 16;

    /// <summary>Shape of the learning rate.</summary>
    [ConfigurationKeyName("lr_scheduler_type"), Description("shape of the learning rate after warm-up: cosine, linear, constant_with_warmup, or constant, which has no warm-up")]
    public LrSchedulerType LrSchedulerType { get; init; } = LrSchedulerType.Cosine;

    /// <summary>Share of steps that warm up.</summary>
    [ConfigurationKeyName("warmup_ratio"), Range(0.0, 1.0), Description("share of the steps that warm up; rounded up")]
    public double WarmupRatio { get; init; } = 0.1;

    /// <summary>Steps that warm up; wins over the ratio.</summary>
    [ConfigurationKeyName("warmup_steps"), Range(0, int.MaxValue), Description("steps that warm up, instead of warmup_ratio where above 0")]
    public int WarmupSteps { get; init; }

    /// <summary>Whether the compute copy is bf16.</summary>
    [ConfigurationKeyName("bf16"), Description("computes in bfloat16 (weights and moments stay float32) where dtype is auto")]
    public bool Bf16 { get; init; }

    /// <summary>Whether steps are made of rows of like length.</summary>
    [ConfigurationKeyName("group_by_length"), Description("deals rows of like length into the same step, as transformers does: less padding, another order")]
    public bool GroupByLength { get; init; }

    /// <summary>Whether activations are computed again instead of kept.</summary>
    [ConfigurationKeyName("gradient_checkpointing"), Description("computes a block's activations again in the backward instead of keeping them: the same numbers in a fraction of the memory, for about a quarter more time")]
    public bool GradientCheckpointing { get; init; }

    /// <summary>What steps the weights.</summary>
    [ConfigurationKeyName("optim"), Description(AdamWOptions.OptimDescription)]
    [AllowedValues(AdamWOptions.Torch, AdamWOptions.Fused, AdamWOptions.EightBit, AdamWOptions.EightBitToo)]
    public string Optim { get; init; } = AdamWOptions.Torch;

    /// <summary>AdamW's first decay.</summary>
    [ConfigurationKeyName("adam_beta1"), Range(0.0, 1.0, MaximumIsExclusive = true), Description("decay of AdamW's first moment")]
    public double AdamBeta1 { get; init; } = 0.9;

    /// <summary>AdamW's second decay.</summary>
    [ConfigurationKeyName("adam_beta2"), Range(0.0, 1.0, MaximumIsExclusive = true), Description("decay of AdamW's second moment")]
    public double AdamBeta2 { get; init; } = 0.999;

    /// <summary>AdamW's epsilon.</summary>
    [ConfigurationKeyName("adam_epsilon"), Range(0.0, 1.0), Description("AdamW's epsilon")]
    public double AdamEpsilon { get; init; } = 1e-8;

    /// <summary>Decoupled weight decay.</summary>
    [ConfigurationKeyName("weight_decay"), Range(0.0, 1.0), Description("weight decay; biases and norm weights are excluded")]
    public double WeightDecay { get; init; }

    /// <summary>Gradient clipping.</summary>
    [ConfigurationKeyName("max_grad_norm"), Range(0.0, double.MaxValue), Description("gradients are scaled down to this norm; 0 = not")]
    public double MaxGradNorm { get; init; } = 1;

    /// <summary>Guard against divergence.</summary>
    [ConfigurationKeyName("max_skipped_steps"), Range(1, int.MaxValue), Description("steps in a row whose gradients are not finite that end the run")]
    public int MaxSkippedSteps { get; init; } = 5;

    /// <summary>Seed of every draw.</summary>
    [ConfigurationKeyName("seed"), Description("seed of every random draw: the same seed gives the same numbers")]
    public ulong Seed { get; init; } = 42;

    /// <summary>Steps between log lines.</summary>
    [ConfigurationKeyName("logging_steps"), Range(1, int.MaxValue), Description("steps between lines of the log")]
    public int LoggingSteps { get; init; } = 10;

    /// <summary>When checkpoints are written.</summary>
    [ConfigurationKeyName("save_strategy"), Description("when checkpoints are written")]
    public IntervalStrategy SaveStrategy { get; init; } = IntervalStrategy.Steps;

    /// <summary>Steps between checkpoints.</summary>
    [ConfigurationKeyName("save_steps"), Range(1, int.MaxValue), Description("steps between checkpoints")]
    public int SaveSteps { get; init; } = 500;

    /// <summary>Most checkpoints kept.</summary>
    [ConfigurationKeyName("save_total_limit"), Range(1, int.MaxValue), Description("most checkpoints kept; all unless set")]
    public int? SaveTotalLimit { get; init; }

    /// <summary>Largest file of saved weights.</summary>
    [ConfigurationKeyName("max_shard_size"), Description("largest file of saved weights: bytes, or for instance 5GB or 200MB; larger models are saved in shards")]
    [RegularExpression(Shards.SizePattern, ErrorMessage = "max_shard_size must be a size such as 5GB, 200MB or a number of bytes")]
    public string MaxShardSize { get; init; } = Shards.DefaultSize;

    /// <summary>When the model is evaluated, apart from the end.</summary>
    [ConfigurationKeyName("eval_strategy"), Description("when the model is evaluated, besides at the end; steps where eval_steps is set, else no")]
    public IntervalStrategy? EvalStrategy { get; init; }

    /// <summary>Steps between evaluations.</summary>
    [ConfigurationKeyName("eval_steps"), Range(1, int.MaxValue), Description("steps between evaluations; logging_steps unless set")]
    public int? EvalSteps { get; init; }

    /// <summary>When the model is evaluated: eval_strategy, or as eval_steps implies.</summary>
    public IntervalStrategy Evaluates => EvalStrategy ?? (EvalSteps is null ? IntervalStrategy.No : IntervalStrategy.Steps);

    /// <summary>Whether the model is that of the best evaluation.</summary>
    [ConfigurationKeyName("load_best_model_at_end"), Description("the model is that of the best evaluation, not of the last step; each best one so far is kept as a checkpoint")]
    public bool LoadBestModelAtEnd { get; init; }

    /// <summary>What the best evaluation is told by.</summary>
    [ConfigurationKeyName("metric_for_best_model"), Description("what tells the best evaluation: eval_loss, eval_accuracy or eval_order_disagreement; eval_accuracy in stage 2, else eval_loss, unless set")]
    public string? MetricForBestModel { get; init; }

    /// <summary>Whether more of it is better.</summary>
    [ConfigurationKeyName("greater_is_better"), Description("whether more of metric_for_best_model is better; true of eval_accuracy alone unless set")]
    public bool? GreaterIsBetter { get; init; }

    /// <summary>Whether the run's curves are drawn.</summary>
    [ConfigurationKeyName("plot_loss"), Description("draws the curves of loss and evaluation, smoothed too, as training_*.png in output_dir")]
    public bool PlotLoss { get; init; }

    /// <summary>Whether a run that does not fit into memory is refused.</summary>
    [ConfigurationKeyName("memory_check"), Description("refuses a run that would take more memory than is free, before its first step")]
    public bool MemoryCheck { get; init; } = true;

    /// <summary>true (the newest in output_dir) or a checkpoint's directory.</summary>
    [ConfigurationKeyName("resume_from_checkpoint"), Description("true (the newest checkpoint in output_dir) or a checkpoint's directory")]
    public string? ResumeFromCheckpoint { get; init; }

    /// <summary>Whether an earlier run in output_dir may be replaced.</summary>
    [ConfigurationKeyName("overwrite_output_dir"), Description("replaces an earlier run in output_dir")]
    public bool OverwriteOutputDir { get; init; }
}
