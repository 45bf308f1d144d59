using Gram.Models.Checkpoints;
using Gram.Models.Transformer.Architectures;

namespace Gram.Models.Transformer.Lora;

/// <summary>Shapes of the factors of a module's adapter: A [rank, in], B [out, rank].</summary>
internal readonly record struct LoraShape(string Module, long[] A, long[] B);

/// <summary>Which tensors an adapter has over a base model, by PEFT's rules.</summary>
/// <param name="Linears">The adapted modules, in the model's order.</param>
/// <param name="Copies">The weights of modules_to_save.</param>
/// <param name="Targets">The targets, all-linear spelt out.</param>
internal sealed record LoraLayout(IReadOnlyList<LoraShape> Linears, IReadOnlyList<ParameterShape> Copies, LoraTargets Targets)
{
    /// <summary>Ends of the factors' names.</summary>
    public const string A = ".lora_A.weight", B = ".lora_B.weight";

    private const string Embedding = "model.embed_tokens", Head = "lm_head";

    /// <summary>Settles what a config means for a base model.</summary>
    /// <param name="lora">The adapter's config.</param>
    /// <param name="model">The base's.</param>
    /// <param name="where">The config's file or key, for errors.</param>
    /// <exception cref="GramException">A target or a module to save is none of the model's, or cannot be adapted.</exception>
    public static LoraLayout Of(LoraConfig lora, ModelConfig model, string where)
    {
        // Untied, so that a copy of the head can be named where the base has none of its own.
        var parameters = Architecture.Of(model.ModelType).Parameters(model with { TieWordEmbeddings = false }).ToList();
        string[] modules = [.. parameters.Select(parameter => ModuleOf(parameter.Name)).Distinct()];
        if (lora.ModulesToSave.FirstOrDefault(name => !modules.Any(module => IsSaved(module, name))) is { } unknown)
            throw new GramException($"{where}: modules_to_save names {unknown}, which the base model does not have");
        var copies = parameters.Where(parameter => lora.ModulesToSave.Any(name => IsSaved(ModuleOf(parameter.Name), name))).ToList();
        var copied = copies.Select(copy => ModuleOf(copy.Name)).ToHashSet();
        string[] targeted = [.. lora.TargetModules.Of(modules, where).Where(module => !copied.Contains(module))];
        if (targeted.FirstOrDefault(module => !module.EndsWith("_proj", StringComparison.Ordinal)) is { } other)
            throw new GramException($"{where}: target_modules takes in {other}, whose adapters are not supported{(other is Embedding or Head ? ": name it in modules_to_save, to train it whole" : "")}");
        var linears = targeted.Select(module =>
        {
            var shape = parameters.First(parameter => parameter.Name == module + ".weight").Shape; // [out, in]
            var rank = lora.RankOf(module);
            return new LoraShape(module, [rank, shape[1]], [shape[0], rank]);
        });
        var targets = lora.TargetModules.IsAllLinear ? new LoraTargets([.. targeted.Select(module => module[(module.LastIndexOf('.') + 1)..]).Distinct()]) : lora.TargetModules;
        return new([.. linears], copies, targets);
    }

    /// <summary>Whether a name of modules_to_save takes in a module: itself or one that it lies in ends in the name.</summary>
    private static bool IsSaved(string module, string name)
    {
        for (var end = module.Length; end > 0; end = module.LastIndexOf('.', end - 1))
        {
            if (module.AsSpan(0, end).EndsWith(name, StringComparison.Ordinal)) return true;
        }
        return false;
    }

    private static string ModuleOf(string parameter) => parameter[..parameter.LastIndexOf('.')];
}
