using System.Security.Cryptography;
using System.Text.Json;
using Gram.Models;
using Gram.Models.Tokenization;
using Gram.Reward.Data;
using Gram.Reward.Judging;
using Gram.Reward.Training;

namespace Gram.Reward.Encoding;

/// <summary>What encoded examples follow from: a change of any of it makes them others.</summary>
internal static class DataFingerprint
{
    private static readonly string[] TokenizerFiles = ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"];

    /// <summary>SHA-256 of the data files, the tokenizer's files, template, judge prompt, the settings that encoding reads, and the draws.</summary>
    public static byte[] Of(GramTrainingOptions options, TrainingTemplate template, GramConfig judge, IReadOnlyList<DatasetInfo> datasets, RandomSource random)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Add(new
        {
            options.GramLoss, options.MostTokens, options.ValSize, options.MaxSamples, options.EnableThinking, options.DefaultSystem, options.MaskHistory, options.TrainOnPrompt, options.Clean,
            Trained = options.Dataset.Count, Draws = random.State,
        });
        Add(template);
        Add(judge);
        foreach (var info in datasets)
        {
            Add(info);
            AddFile(info.File);
        }
        foreach (var name in TokenizerFiles) AddFile(Path.Combine(options.Start.FolderOf(Tokenizer.FileName), name));
        return hash.GetHashAndReset();

        void Add<T>(T part) => hash.AppendData(JsonSerializer.SerializeToUtf8Bytes(part));

        void AddFile(string path)
        {
            if (!File.Exists(path))
            {
                Add("absent");
                return;
            }
            using var file = File.OpenRead(path);
            hash.AppendData(SHA256.HashData(file));
        }
    }
}
