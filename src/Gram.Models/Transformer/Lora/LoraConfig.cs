using System.Text.Json;
using System.Text.Json.Nodes;
using Gram.Models.Checkpoints;
using Gram.Models.Checkpoints.Hub;

namespace Gram.Models.Transformer.Lora;

/// <summary>A LoRA adapter's shape, as PEFT's adapter_config.json states it.</summary>
public sealed record LoraConfig
{
    /// <summary>Name of the file.</summary>
    public const string FileName = "adapter_config.json";

    /// <summary>What to do about an adapter whose base cannot be found.</summary>
    private const string BesideOneAnother = "name the base as model_name_or_path, the adapter as adapter_name_or_path (of a judge: reward_model, reward_model_adapters)";

    /// <summary>Keys that do not change what an adapter computes once it is trained, or whose value another key decides.</summary>
    private static readonly HashSet<string> Harmless =
    [
        "auto_mapping", "base_model_name_or_path", "eva_config", "fan_in_fan_out", "inference_mode", "init_lora_weights", "megatron_core",
        "peft_type", "peft_version", "qalora_group_size", "revision", "runtime_config", "task_type",
        "alpha_pattern", "bias", "lora_alpha", "lora_dropout", "modules_to_save", "r", "rank_pattern", "target_modules", "use_rslora",
    ];

    /// <summary>Rank of the two factors.</summary>
    public int Rank { get; init; } = 8;
    /// <summary>Numerator of the scale.</summary>
    public double Alpha { get; init; } = 8;
    /// <summary>Probability that an input of an adapter is dropped in training.</summary>
    public double Dropout { get; init; }
    /// <summary>Modules that get an adapter.</summary>
    public LoraTargets TargetModules { get; init; } = LoraTargets.AllLinear;
    /// <summary>Modules that are trained whole beside the adapters: embed_tokens, lm_head, norms, by the ends of their names.</summary>
    public IReadOnlyList<string> ModulesToSave { get; init; } = [];
    /// <summary>Ranks of modules whose names fit a pattern, the first that fits.</summary>
    public IReadOnlyList<KeyValuePair<string, double>> RankPattern { get; init; } = [];
    /// <summary>Alphas of modules whose names fit a pattern, the first that fits.</summary>
    public IReadOnlyList<KeyValuePair<string, double>> AlphaPattern { get; init; } = [];
    /// <summary>Whether the scale is alpha / √rank (Kalajdzievski 2023) instead of alpha / rank.</summary>
    public bool UseRsLora { get; init; }
    /// <summary>The base model: a directory or a hub id.</summary>
    public string? BaseModelNameOrPath { get; init; }
    /// <summary>Branch, tag or commit of the base, where it is a hub id.</summary>
    public string? Revision { get; init; }
    /// <summary>The base as one name: a hub id with its revision.</summary>
    public string? BaseName => BaseModelNameOrPath is { } name && Revision is { } revision && !Directory.Exists(name) ? $"{name}@{revision}" : BaseModelNameOrPath;
    /// <summary>adapter_config.json whole, so that saving keeps what this project does not read.</summary>
    public JsonObject? Raw { get; init; }

    /// <summary>The same over a base as users name it: a directory, by its full path, or a hub id with or without a revision.</summary>
    public LoraConfig Over(string baseName) =>
        Directory.Exists(baseName) ? this with { BaseModelNameOrPath = Path.GetFullPath(baseName), Revision = null }
        : HubId.TryParse(baseName) is { } id ? this with { BaseModelNameOrPath = id.Repository, Revision = id.Revision == HubId.DefaultRevision ? null : id.Revision }
        : this with { BaseModelNameOrPath = baseName, Revision = null };

    /// <summary>How large an adapter of this shape is over a base.</summary>
    /// <param name="model">The base's shape.</param>
    /// <param name="where">What holds the values, for errors.</param>
    /// <exception cref="GramException">A target or a module to save is none of the model's, or a value is out of range.</exception>
    public LoraSize SizeOver(ModelConfig model, string where)
    {
        Validate(where);
        var layout = LoraLayout.Of(this, model, where);
        var copies = layout.Copies.Select(copy => (copy.Name, Numbers: copy.Shape.Aggregate(1L, (product, size) => product * size))).ToArray();
        return new(
            [.. layout.Linears.SelectMany(linear => ((string, long)[])[(linear.Module + LoraLayout.A, linear.A[0] * linear.A[1]), (linear.Module + LoraLayout.B, linear.B[0] * linear.B[1])]), .. copies],
            copies.Sum(copy => copy.Numbers), layout.Linears.Sum(linear => linear.A[0]), layout.Linears.Sum(linear => linear.A[1]));
    }

    /// <summary>Whether a directory holds an adapter instead of a model.</summary>
    public static bool IsAdapter(string directory) => File.Exists(Path.Combine(directory, FileName));

    /// <summary>The directory of the base model that an adapter's directory names.</summary>
    /// <exception cref="GramException">adapter_config.json is missing or wrong, or names no directory.</exception>
    public static string BaseOf(string directory)
    {
        var path = Path.Combine(directory, FileName);
        return Read(directory).BaseModelNameOrPath switch
        {
            null => throw new GramException($"{path}: base_model_name_or_path is missing: {BesideOneAnother}"),
            var model when !Directory.Exists(model) => throw new GramException($"{path}: base_model_name_or_path {model} does not exist: {BesideOneAnother}"),
            var model => model,
        };
    }

    /// <summary>Reads adapter_config.json of a PEFT directory.</summary>
    /// <exception cref="GramException">The file is missing or wrong, or asks for something other than plain LoRA.</exception>
    public static LoraConfig Read(string directory)
    {
        var path = Path.Combine(directory, FileName);
        if (!File.Exists(path)) throw new GramException($"{path} does not exist: name the directory of a PEFT adapter");
        var file = JsonFile.Read(path);
        RefuseWhatIsNotBuilt(file);
        var config = new LoraConfig
        {
            Rank = file.Required("r", file.Integer("r")),
            Alpha = file.Required("lora_alpha", file.Number("lora_alpha")),
            Dropout = file.Number("lora_dropout") ?? 0,
            TargetModules = Targets(file),
            ModulesToSave = file.Texts("modules_to_save") ?? [],
            RankPattern = [.. file.Numbers("rank_pattern")],
            AlphaPattern = [.. file.Numbers("alpha_pattern")],
            UseRsLora = file.Flag("use_rslora") ?? false,
            BaseModelNameOrPath = file.Text("base_model_name_or_path"),
            Revision = file.Text("revision"),
            Raw = file.Root,
        };
        config.Validate(path);
        return config;
    }

    /// <summary>adapter_config.json of this shape, with the keys that PEFT 0.21 writes.</summary>
    public JsonObject ToJson()
    {
        var json = (JsonObject)(Raw ?? PeftDefaults()).DeepClone();
        json["alpha_pattern"] = Patterns(AlphaPattern);
        json["base_model_name_or_path"] = BaseModelNameOrPath;
        json["inference_mode"] = true; // as PEFT saves it, trained or not
        json["lora_alpha"] = Number(Alpha);
        json["lora_dropout"] = Dropout;
        json["modules_to_save"] = ModulesToSave.Count == 0 ? null : Names(ModulesToSave);
        json["r"] = Rank;
        json["rank_pattern"] = Patterns(RankPattern);
        json["revision"] = Revision;
        json["target_modules"] = TargetModules.Pattern is { } pattern ? pattern : Names(TargetModules.Names);
        json["use_rslora"] = UseRsLora;
        return json;
    }

    /// <summary>Rank of a module's adapter.</summary>
    internal int RankOf(string module) => (int?)LoraTargets.ByPattern(RankPattern, module, "rank_pattern") ?? Rank;

    /// <summary>What a module's adapter is multiplied by.</summary>
    internal double ScaleOf(string module)
    {
        var alpha = LoraTargets.ByPattern(AlphaPattern, module, "alpha_pattern") ?? Alpha;
        return alpha / (UseRsLora ? Math.Sqrt(RankOf(module)) : RankOf(module));
    }

    /// <summary>Checks ranges.</summary>
    /// <param name="where">What holds the values, for errors.</param>
    /// <exception cref="GramException">A value is out of range.</exception>
    internal void Validate(string where)
    {
        if (Rank < 1 || RankPattern.Any(pattern => pattern.Value < 1 || pattern.Value != Math.Floor(pattern.Value))) throw new GramException($"{where}: r and the values of rank_pattern must be integers above 0");
        if (!double.IsFinite(Alpha)) throw new GramException($"{where}: lora_alpha is {Alpha}, must be a number");
        if (Dropout is not (>= 0 and < 1)) throw new GramException($"{where}: lora_dropout is {Dropout}, must be at least 0 and below 1");
    }

    private static LoraTargets Targets(JsonFile file) => file.Root["target_modules"] is { } node && node.GetValueKind() == JsonValueKind.String
        ? new([], file.Text("target_modules"))
        : new(file.Texts("target_modules") ?? throw new GramException($"{file.Path}: target_modules is missing"));

    /// <summary>Refuses what would compute something else: never ignored in silence, not even a key of a PEFT to come.</summary>
    private static void RefuseWhatIsNotBuilt(JsonFile file)
    {
        if (file.Text("peft_type") is var type && type != "LORA") throw new GramException($"{file.Path}: peft_type {type ?? "null"} is not supported: only LORA is");
        if (file.Text("bias") is { } bias && bias != "none") throw new GramException($"{file.Path}: bias {bias} is not supported: only none is");
        if (file.Root["init_lora_weights"] is { } start && start.ToString() is not ("true" or "false" or "gaussian" or "orthogonal" or "eva"))
            throw new GramException($"{file.Path}: init_lora_weights {start} is not supported: such an adapter belongs to a base whose weights were changed; have PEFT convert it to plain LoRA");
        if (file.Root.FirstOrDefault(pair => !Harmless.Contains(pair.Key) && IsSet(pair.Value)).Key is { } key)
            throw new GramException($"{file.Path}: {key} is set, which is not supported: only plain LoRA is");
    }

    private static bool IsSet(JsonNode? value) => value switch
    {
        null or JsonArray { Count: 0 } or JsonObject { Count: 0 } => false,
        _ => value.GetValueKind() != JsonValueKind.False,
    };

    private static JsonArray Names(IEnumerable<string> names) => [.. names.Order(StringComparer.Ordinal).Select(name => (JsonNode)name)];

    private static JsonObject Patterns(IEnumerable<KeyValuePair<string, double>> patterns) => new(patterns.Select(pattern => KeyValuePair.Create(pattern.Key, (JsonNode?)Number(pattern.Value))));

    private static JsonNode Number(double value) => value == Math.Floor(value) && Math.Abs(value) < 1e15 ? (long)value : value;

    private static JsonNode PeftDefaults() => JsonNode.Parse("""
        {
          "alora_invocation_tokens": null, "alpha_pattern": {}, "arrow_config": null, "auto_mapping": null, "base_model_name_or_path": null,
          "bias": "none", "corda_config": null, "ensure_weight_tying": false, "eva_config": null, "exclude_modules": null,
          "fan_in_fan_out": false, "inference_mode": true, "init_lora_weights": true, "kasa_config": null, "layer_replication": null,
          "layers_pattern": null, "layers_to_transform": null, "loftq_config": {}, "lora_alpha": 8, "lora_bias": false, "lora_dropout": 0.0,
          "lora_ga_config": null, "megatron_config": null, "megatron_core": "megatron.core", "modules_to_save": null,
          "monteclora_config": null, "peft_type": "LORA", "peft_version": "0.21.2", "qalora_group_size": 16, "r": 8, "rank_pattern": {},
          "revision": null, "target_modules": null, "target_parameters": null, "task_type": "CAUSAL_LM", "trainable_token_indices": null,
          "use_bdlora": null, "use_dora": false, "use_qalora": false, "use_rslora": false, "velora_config": null
        }
        """)!;
}
