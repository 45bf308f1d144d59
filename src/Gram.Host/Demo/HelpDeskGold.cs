using Gram.Ppo;
using Gram.Reward.Data;

namespace Gram.Host.Demo;

/// <summary>The gold rule as PPO's evaluation asks for it.</summary>
internal sealed class HelpDeskGold : IGoldMeasure
{
    /// <inheritdoc/>
    public double Score(Prompt prompt, string response) => GoldRule.Score(prompt.Question, response);
}
