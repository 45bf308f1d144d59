using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Models.Transformer;
using Gram.Models.Transformer.Lora;
using Microsoft.Extensions.Configuration;

namespace Gram.Training.Adapters;

/// <summary>The adapter that a run with finetuning_type lora trains, under LLaMA-Factory's keys.</summary>
public sealed record LoraOptions
{
    private const string All = "all";

    /// <summary>An adapter to go on with.</summary>
    [ConfigurationKeyName("adapter_name_or_path"), Description("lora: an adapter that is trained further, a PEFT directory or hub id, whose own rank, alpha, dropout and targets hold; a new one unless set")]
    public string? AdapterNameOrPath { get; init; }

    /// <summary>Rank of the factors.</summary>
    [ConfigurationKeyName("lora_rank"), Range(1, 65536), Description("lora: rank of the adapter's factors")]
    public int Rank { get; init; } = 8;

    /// <summary>Numerator of the scale.</summary>
    [ConfigurationKeyName("lora_alpha"), Range(0.0, double.MaxValue, MinimumIsExclusive = true), Description("lora: the adapter is scaled by lora_alpha / lora_rank; twice lora_rank unless set")]
    public double? Alpha { get; init; }

    /// <summary>Dropout of the adapter's inputs.</summary>
    [ConfigurationKeyName("lora_dropout"), Range(0.0, 1.0, MaximumIsExclusive = true), Description("lora: share of the adapter's inputs that is dropped in training")]
    public double Dropout { get; init; }

    /// <summary>Modules that get an adapter.</summary>
    [ConfigurationKeyName("lora_target"), Description("lora: modules that get an adapter (q_proj, v_proj, …); all is every linear layer of the blocks")]
    public IReadOnlyList<string> Target { get; init; } = [All];

    /// <summary>Modules that are trained whole.</summary>
    [ConfigurationKeyName("additional_target"), Description("lora: modules that are trained whole and saved with the adapter (embed_tokens, lm_head, norm)")]
    public IReadOnlyList<string> AdditionalTarget { get; init; } = [];

    /// <summary>Whether the scale is that of rank-stabilised LoRA.</summary>
    [ConfigurationKeyName("use_rslora"), Description("lora: the adapter is scaled by lora_alpha / √lora_rank")]
    public bool UseRsLora { get; init; }

    /// <summary>The adapter over a model: the one to go on with, or a new one.</summary>
    /// <param name="model">Its base.</param>
    /// <param name="baseName">What it will say its base is.</param>
    /// <param name="random">Draws the factors of a new one.</param>
    /// <exception cref="GramException">A file is missing or wrong, or the adapter is none of the model.</exception>
    public LoraAdapter Over(CausalLM model, string baseName, RandomSource random)
    {
        var adapter = AdapterNameOrPath is { } directory ? LoraAdapter.Load(directory, model) : LoraAdapter.Create(Shape(), model, random);
        adapter.NameBase(baseName);
        return adapter;
    }

    /// <summary>What is trained of a model, in one line.</summary>
    /// <param name="model">The model's directory.</param>
    /// <exception cref="GramException">The adapter is none of the model.</exception>
    public string Describe(string model)
    {
        var lora = Shape();
        var size = lora.SizeOver(ModelConfig.Read(model), "finetuning_type: lora");
        var targets = lora.TargetModules.IsAllLinear ? "all linear layers" : lora.TargetModules.Pattern ?? string.Join(", ", lora.TargetModules.Names);
        var whole = lora.ModulesToSave.Count > 0 ? $", and {string.Join(", ", lora.ModulesToSave)} whole" : "";
        var dropout = lora.Dropout > 0 ? FormattableString.Invariant($", dropout {lora.Dropout}") : "";
        return FormattableString.Invariant($"lora of rank {lora.Rank}, alpha {lora.Alpha}{(lora.UseRsLora ? " (rslora)" : "")}{dropout} on {targets}{whole}: {size.Parameters:#,0} parameters are trained");
    }

    /// <summary>The adapter's shape: that of the adapter to go on with, a directory here, or the keys'.</summary>
    /// <exception cref="GramException">The adapter's configuration is missing or wrong.</exception>
    public LoraConfig Shape() => AdapterNameOrPath is { } adapter ? LoraConfig.Read(adapter) : new LoraConfig
    {
        Rank = Rank,
        Alpha = Alpha ?? 2 * Rank,
        Dropout = Dropout,
        TargetModules = Target is [All] ? LoraTargets.AllLinear : new LoraTargets(Target),
        ModulesToSave = AdditionalTarget,
        UseRsLora = UseRsLora,
    };
}
