using Gram.Host.Configuration;
using Gram.Host.Demo;
using Gram.Reward.Training;
using Gram.Training.Configuration;

namespace Gram.Host.Commands;

/// <summary>What the commands' keys are when the embedded help desk is run: DemoDefaults' values, and demo as the name of models and data.</summary>
internal static class DemoPreset
{
    public static IReadOnlyDictionary<string, string> Ppo { get; } = With(DemoDefaults.Ppo, "model_name_or_path", "reward_model", "dataset", "eval_dataset");

    public static IReadOnlyDictionary<string, string> BestOfN { get; } = With(DemoDefaults.BestOfN, "model_name_or_path", "reward_model", "input");

    public static IReadOnlyDictionary<string, string> Align { get; } = With(
        DemoDefaults.Ppo.Concat(Written(DemoRecipe.JudgeStage1, AlignOptions.Stage1)).Concat(Written(DemoRecipe.JudgeStage2, AlignOptions.Stage2)),
        "model_name_or_path", "dataset", "eval_dataset", "judge_dataset", "judge_eval_dataset");

    public static IReadOnlyDictionary<string, string> Serve { get; } = With([], "reward_model");

    private static Dictionary<string, string> With(IEnumerable<KeyValuePair<string, string>> values, params string[] demoKeys)
    {
        var preset = values.Where(pair => pair.Key != "output_dir").ToDictionary();
        foreach (var key in demoKeys) preset[key] = DemoName.Text;
        return preset;
    }

    /// <summary>A record's values that differ from its defaults, as keys.</summary>
    private static IEnumerable<KeyValuePair<string, string>> Written(GramTrainingOptions recipe, string prefix) =>
        from key in OptionSchema.KeysOf(AlignOptions.Stage(prefix)).Zip(OptionSchema.KeysOf(AlignOptions.Stage(prefix), recipe))
        where key.Second.DefaultText.Length > 0 && key.Second.DefaultText != key.First.DefaultText
        select KeyValuePair.Create(key.First.Name, key.Second.DefaultText);
}
