namespace Gram.Ppo.Events;

/// <summary>Event: a stage of a PPO step begins (generate, judge, score, advantage, update, evaluate, save), for live progress.</summary>
public sealed record StageStarted(int Step, int TotalSteps, string Stage);
