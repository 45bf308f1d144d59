using Gram.Ppo;
using Gram.Reward.Data;

namespace Gram.Host.Demo;

/// <summary>What commands run on when they are given no model of their own: shipped models, prompts, gold measure, presets.</summary>
internal static class DemoDefaults
{
    /// <summary>Seed of the shipped world: of the split of its messages, whatever seed a run has.</summary>
    public const ulong WorldSeed = 42;

    /// <summary>The judge prompt; the demo's vocabulary is too small for GRAM's own.</summary>
    public const string JudgePrompt = "Question: {question}\nA: {answer_a}\nB: {answer_b}\nBetter:";

    /// <summary>The shipped policy: a small Qwen3 that writes like the help desk's clerks.</summary>
    public static string PolicyDirectory => Path.Combine(AppContext.BaseDirectory, "Demo", "Models", "policy");

    /// <summary>The shipped judge: the same architecture after both GRAM stages.</summary>
    public static string JudgeDirectory => Path.Combine(AppContext.BaseDirectory, "Demo", "Models", "judge");

    /// <summary>The help desk, split as the shipped models were trained on.</summary>
    public static DemoWorld World { get; } = new(WorldSeed);

    /// <summary>PPO's prompts; no model saw them in training.</summary>
    public static IReadOnlyList<Prompt> Prompts => [.. World.Ppo.Select(message => new Prompt(message))];

    /// <summary>Held-out prompts, on which gold score and win rates are measured.</summary>
    public static IReadOnlyList<Prompt> EvalPrompts => [.. World.Eval.Select(message => new Prompt(message))];

    /// <summary>The task's own measure of an answer.</summary>
    public static IGoldMeasure Gold { get; } = new HelpDeskGold();

    /// <summary>The ppo command's keys, below a user's file and command line.</summary>
    public static IReadOnlyDictionary<string, string> Ppo { get; } = new Dictionary<string, string>
    {
        ["max_steps"] = "40",
        ["per_device_train_batch_size"] = "64",
        ["gradient_accumulation_steps"] = "1",
        ["ppo_buffer_size"] = "2",
        ["ppo_epochs"] = "2",
        ["per_device_eval_batch_size"] = "256",
        ["max_new_tokens"] = "48",
        ["learning_rate"] = "3e-4",
        ["value_learning_rate"] = "1e-3",
        ["kl_coef"] = "0.02",
        ["truncation"] = "penalty -1",
        ["output_dir"] = "runs/demo-ppo",
    };

    /// <summary>The best-of-n command's keys.</summary>
    public static IReadOnlyDictionary<string, string> BestOfN { get; } = new Dictionary<string, string>
    {
        ["n"] = "1,2,4,8,16",
        ["max_new_tokens"] = "48",
        ["output_dir"] = "runs/demo-best-of-n",
    };
}
