namespace Gram.Ppo;

/// <summary>Where advantages come from.</summary>
public enum Advantage
{
    /// <summary>Generalised advantage estimation with a value model.</summary>
    Gae,
    /// <summary>Reward-to-go minus the greedy response's reward; no value model.</summary>
    Remax,
    /// <summary>Reward minus the mean of the query's other samples; no value model.</summary>
    Rloo,
    /// <summary>Reward standardised within the query's samples, KL in the loss; no value model.</summary>
    Grpo,
}

/// <summary>Whom a sample's score comes from.</summary>
public enum RewardFrom
{
    /// <summary>The judge's comparison with the reference response.</summary>
    Reference,
    /// <summary>The mean over comparisons with the query's other samples.</summary>
    RoundRobin,
}

/// <summary>What a sample is judged against.</summary>
public enum Reference
{
    /// <summary>The current policy's greedy answer, decoded with the samples.</summary>
    Greedy,
    /// <summary>The starting policy's greedy answer, made once and kept.</summary>
    Initial,
    /// <summary>The prompt row's own answer.</summary>
    Dataset,
}

/// <summary>What becomes of the judge's score p.</summary>
public enum RewardTransform
{
    /// <summary>2p − 1.</summary>
    Centered,
    /// <summary>log p − log(1 − p), clipped.</summary>
    Logit,
    /// <summary>p.</summary>
    Probability,
}

/// <summary>Where the pull towards the reference policy acts.</summary>
public enum KlIn
{
    /// <summary>In the reward of every token.</summary>
    Reward,
    /// <summary>As a term of the loss.</summary>
    Loss,
}

/// <summary>Whose weights the value head stands on.</summary>
public enum ValueModelKind
{
    /// <summary>A copy of the initial policy with weights of its own.</summary>
    Separate,
    /// <summary>The policy's: one forward for both, the value loss's gradient into it scaled by vf_coef.</summary>
    Shared,
}
