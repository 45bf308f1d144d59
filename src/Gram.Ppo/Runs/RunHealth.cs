using System.Globalization;
using Gram.Training.Runs;

namespace Gram.Ppo.Runs;

/// <summary>What a practitioner would notice in a run's metrics, and what to try. Each is said once.</summary>
public sealed class RunHealth
{
    private const int Window = 5; // steps whose mean is looked at: one step's value may be chance
    private const double LargestGap = 0.05, MarkerRate = 0.02, FarKl = 10, LeftEntropy = 0.2, LengthCorrelation = 0.5, Disagreement = 0.3;

    private readonly Dictionary<string, List<double>> history = [];
    private readonly HashSet<string> said = [];

    /// <summary>Takes in a step's metrics, by <see cref="StepMetrics"/>' names; returns what is to be said now.</summary>
    public IReadOnlyList<Notice> Check(int step, IReadOnlyDictionary<string, double> metrics)
    {
        foreach (var (name, value) in metrics)
        {
            if (!history.TryGetValue(name, out var values)) history[name] = values = [];
            values.Add(value);
        }
        List<Notice> notices = [];
        if (Last("gram/logprob_gap_max") > LargestGap)
            Say("gap", $"log-probs of decoder and learner differ by up to {Last("gram/logprob_gap_max"):0.###} (gram/logprob_gap): the two compute differently; try --dtype float32");
        if (Last("gram/marker_rate") > MarkerRate)
            Say("marker", $"{Last("gram/marker_rate"):0.0%} of the answers imitate the judge's markers (gram/marker_rate): keep marker_penalty on, or raise kl_coef");
        if (Last("objective/kl") > FarKl && Last("objective/kl") > 2 * Before("objective/kl"))
            Say("kl", $"KL from the reference is {Last("objective/kl"):0.#} nats a response, and was {Before("objective/kl"):0.#} {Window} steps ago (objective/kl): lower learning_rate, raise kl_coef, or set ppo_target or max_kl");
        if (Mean("policy/entropy_avg") < LeftEntropy * First("policy/entropy_avg"))
            Say("entropy", $"entropy fell from {First("policy/entropy_avg"):0.##} to {Mean("policy/entropy_avg"):0.##} nats a token (policy/entropy_avg): samples are becoming alike; lower learning_rate, raise kl_coef or entropy_coef");
        if (Math.Abs(Mean("gram/reward_length_correlation")) > LengthCorrelation)
            Say("length", $"rewards follow the answers' length, correlation {Mean("gram/reward_length_correlation"):0.00} (gram/reward_length_correlation): see whether longer is what you want; judged_lines or a lower max_new_tokens bounds it");
        if (Mean("gram/order_disagreement") > Disagreement)
            Say("order", $"the judge's two orders differ by {Mean("gram/order_disagreement"):0.00} (gram/order_disagreement): it prefers a place more than an answer; train it with both orders of each pair, or longer");
        if (Mean("val/var_explained") < 0 && history["val/var_explained"].Count >= 2 * Window) // it begins at 0
            Say("value", $"the value model explains less than a constant would, {Mean("val/var_explained"):0.00} (val/var_explained): raise value_learning_rate, or use advantage: remax");
        if (Rises("eval/win_rate_vs_initial") && Falls("eval/gold"))
            Say("gold", $"the judge's win rate rose to {Last("eval/win_rate_vs_initial"):0.00} while gold fell to {Last("eval/gold"):0.00}: the policy may be fooling the judge; read samples.jsonl, stop earlier, or raise kl_coef");
        return notices;

        void Say(string kind, FormattableString text)
        {
            if (said.Add(kind)) notices.Add(new Notice($"step {step}: {text.ToString(CultureInfo.InvariantCulture)}", IsWarning: true));
        }
    }

    private double Last(string name) => history.TryGetValue(name, out var values) ? values[^1] : double.NaN;

    private double First(string name) => history.TryGetValue(name, out var values) ? values[0] : double.NaN;

    // Of the step a window ago; of too short a history, none.
    private double Before(string name) => history.TryGetValue(name, out var values) && values.Count > Window ? values[^(Window + 1)] : double.NaN;

    private double Mean(string name) => history.TryGetValue(name, out var values) && values.Count >= Window ? values.TakeLast(Window).Average() : double.NaN;

    private bool Rises(string name) => history.TryGetValue(name, out var values) && values.Count > 1 && values[^1] > values[^2];

    // Beyond the estimates' intervals.
    private bool Falls(string name) => history.TryGetValue(name + "_high", out var highs) && history.TryGetValue(name + "_low", out var lows) && highs.Count > 1 && highs[^1] < lows[^2];
}
