namespace Gram.Training.Adapters;

/// <summary>Which weights a run trains (LLaMA-Factory's names).</summary>
public enum FinetuningType
{
    /// <summary>All of them.</summary>
    Full,
    /// <summary>Those of a LoRA adapter over a model that stays as it is.</summary>
    Lora,
}
