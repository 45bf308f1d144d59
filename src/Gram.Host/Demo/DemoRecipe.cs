using Gram.Models.Checkpoints;
using Gram.Reward.Training;
using Gram.Training.Optimisation;

namespace Gram.Host.Demo;

/// <summary>Sizes and rates by which the embedded models are made, and by which align makes its judge again.</summary>
internal static class DemoRecipe
{
    public const int VocabularySize = 768, ContextLength = 256;
    public const int RepliesPerMessage = 4, TokenizerReplies = 3000, Pairs = 12_000, HeldOutPairs = 1000;

    /// <summary>Texts that the tokenizer learns from: what policy and judge read and write.</summary>
    public static IEnumerable<string> TokenizerTexts(string message, string reply) =>
    [
        $"user\n{message}", $"assistant\n{reply}",
        DemoDefaults.JudgePrompt.Replace("{question}", message, StringComparison.Ordinal).Replace("{answer_a}", reply, StringComparison.Ordinal).Replace("{answer_b}", reply, StringComparison.Ordinal),
        " A B",
    ];

    /// <summary>A small Qwen3 with a tied head.</summary>
    public static ModelConfig Model(Bpe bpe) => new()
    {
        ModelType = "qwen3",
        VocabSize = bpe.ControlTokens.Count + bpe.Vocabulary.Count,
        HiddenSize = 128,
        IntermediateSize = 384,
        NumHiddenLayers = 4,
        NumAttentionHeads = 4,
        NumKeyValueHeads = 2,
        HeadDim = 32,
        MaxPositionEmbeddings = ContextLength,
        RmsNormEps = 1e-6,
        RopeTheta = 10_000,
        TieWordEmbeddings = true,
        InitializerRange = 0.06, // about 0.7/√hidden: at 0.02 a model this narrow takes three times the steps to link complaints to remedies
        PadTokenId = IdOf(bpe, TokenizerFiles.EndOfText),
        EosTokenIds = [IdOf(bpe, TokenizerFiles.ImEnd)],
    };

    /// <summary>Pretraining of the policy: next tokens of replies.</summary>
    public static GramTrainingOptions Policy { get; } = Common with
    {
        Dataset = [DemoData.Replies],
        LearningRate = 2e-3,
        NumTrainEpochs = 3,
    };

    /// <summary>GRAM's stage 1 on pairs whose labels it does not see.</summary>
    public static GramTrainingOptions JudgeStage1 { get; } = Common with
    {
        Dataset = [DemoData.Pairs],
        Template = "none",
        GramPrompt = DemoDefaults.JudgePrompt,
        GramCandidateLabels = [" A", " B"],
        LearningRate = 5e-4,
        NumTrainEpochs = 1,
    };

    /// <summary>GRAM's stage 2 on the noisy labels.</summary>
    public static GramTrainingOptions JudgeStage2 { get; } = JudgeStage1 with
    {
        EvalDataset = [DemoData.HeldOutPairs],
        GramLoss = true,
        LearningRate = 5e-4,
        NumTrainEpochs = 2,
    };

    private static GramTrainingOptions Common => new()
    {
        CutoffLen = ContextLength,
        PerDeviceTrainBatchSize = 32,
        PerDeviceEvalBatchSize = 128,
        GradientAccumulationSteps = 1,
        LrSchedulerType = LrSchedulerType.Cosine,
        WarmupRatio = 0.05,
        SaveStrategy = IntervalStrategy.No,
        LoggingSteps = 50,
    };

    private static int IdOf(Bpe bpe, string token) => bpe.ControlTokens.ToList().IndexOf(token);
}
