using Gram.Reward.Data;

namespace Gram.Ppo;

/// <summary>A task's own measure of an answer, where it has one. Training never sees it; evaluation reports it.</summary>
public interface IGoldMeasure
{
    /// <summary>The answer's quality in [0, 1].</summary>
    double Score(Prompt prompt, string response);
}
