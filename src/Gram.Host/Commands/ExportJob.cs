using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Gram.Host.Configuration;
using Gram.Host.Hosting;
using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Models.Tokenization;
using Gram.Models.Transformer;
using Gram.Reward.Judging;
using Microsoft.Extensions.Configuration;
using static TorchSharp.torch;

namespace Gram.Host.Commands;

/// <summary>Keys of <c>export</c> alone.</summary>
internal sealed record ExportOptions
{
    [ConfigurationKeyName("model_name_or_path"), Required, Description("the model: a Hugging Face directory or hub id (--model is short for it), or an adapter that names its base")]
    public string ModelNameOrPath { get; init; } = "";

    [ConfigurationKeyName("adapter_name_or_path"), Description("the LoRA adapter that is merged into it: a PEFT directory or hub id")]
    public string? AdapterNameOrPath { get; init; }

    [ConfigurationKeyName("export_dir"), Description("LLaMA-Factory's name for output_dir")]
    public string? ExportDir { get; init; }

    [ConfigurationKeyName("max_shard_size"), Description("largest file of weights: bytes, or for instance 5GB or 200MB; larger models are written in shards")]
    [RegularExpression(Shards.SizePattern, ErrorMessage = "max_shard_size must be a size such as 5GB, 200MB or a number of bytes")]
    public string MaxShardSize { get; init; } = Shards.DefaultSize;
}

/// <summary>Writes a model whole, with its adapter merged, in other shards or another dtype.</summary>
internal sealed class ExportJob(ExportOptions options, CommonOptions common, Engine engine, ModelFinder models) : IJob
{
    public async Task<JobResult> RunAsync(CancellationToken cancellationToken)
    {
        var output = NewFolder(common.OutputDir ?? options.ExportDir);
        var location = await models.PolicyAsync(options.ModelNameOrPath, options.AdapterNameOrPath, cancellationToken);
        var clock = Stopwatch.StartNew();
        var stored = StoredDType(location.Directory);
        var dtype = engine.NamedDType ?? stored;
        var tokenizer = Tokenizer.Load(location.FolderOf(Tokenizer.FileName));
        // A merged weight is rounded once: in the stored dtype, or on its way from float32 to the one asked for.
        using var model = CausalLM.Load(location, dtype == stored ? stored : ScalarType.Float32, engine.Device);
        using var merged = model.Adapter is null ? null : model.Merge();
        var whole = merged ?? model;
        AtomicFile.WriteDirectory(output, folder =>
        {
            whole.Save(folder, tokenizer, dtype: dtype, maxShardSize: options.MaxShardSize);
            var judge = Path.Combine(location.FolderOf(GramConfig.FileName), GramConfig.FileName);
            if (File.Exists(judge)) File.Copy(judge, Path.Combine(folder, GramConfig.FileName));
        });

        var json = new JsonObject
        {
            ["model"] = output,
            ["dtype"] = dtype.ToString().ToLowerInvariant(),
            ["parameters"] = whole.Weights.Values.Sum(weight => weight.numel()),
            ["bytes"] = Directory.GetFiles(output, "*.safetensors").Sum(file => new FileInfo(file).Length),
            ["seconds"] = clock.Elapsed.TotalSeconds,
        };
        return new JobResult(json, string.Create(CultureInfo.InvariantCulture, $"{json["parameters"]:#,0} parameters in {json["dtype"]}{(merged is null ? "" : ", adapter merged")}: {output}"));
    }

    /// <summary>The folder to write, found to be free now and not after the work.</summary>
    private static string NewFolder(string? path)
    {
        if (path is null) throw new GramException("--output_dir is needed: the folder that the model is written to");
        if (File.Exists(path)) throw new GramException($"output_dir: {path} is a file; name a folder");
        return Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any() ? throw new GramException($"output_dir: {path} is not empty; name another folder") : path;
    }

    /// <summary>The dtype of a checkpoint, as its embedding has it.</summary>
    private static ScalarType StoredDType(string directory)
    {
        using var store = TensorStore.OpenDirectory(directory);
        return store.DType("model.embed_tokens.weight");
    }
}
