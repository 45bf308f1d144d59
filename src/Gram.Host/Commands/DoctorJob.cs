using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using Gram.Host.Configuration;
using Gram.Host.Hosting;
using Gram.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Host.Commands;

/// <summary>Says what engine, devices, dtypes and versions there are, and what can and cannot run here, and why.</summary>
internal sealed class DoctorJob(CommonOptions options) : IJob
{
    public Task<JobResult> RunAsync(CancellationToken cancellationToken)
    {
        var json = new JsonObject
        {
            ["gram"] = Application.Version,
            ["os"] = RuntimeInformation.OSDescription,
            ["architecture"] = RuntimeInformation.OSArchitecture.ToString(),
            ["dotnet"] = RuntimeInformation.FrameworkDescription,
            ["cores"] = Environment.ProcessorCount,
            ["memory_bytes"] = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
            ["events"] = Events,
            ["torch"] = Packages,
        };
        var notes = new JsonArray();
        GramException? broken = null;
        try
        {
            Examine(json, notes);
        }
        catch (GramException error)
        {
            broken = error;
            notes.Add($"nothing but this command and --help can run: {error.Message}");
        }
        json["engine"] ??= broken?.Message;
        json["notes"] = notes;
        return Task.FromResult(new JobResult(json, Text(json), broken));
    }

    private static string Packages =>
#if TORCH_CUDA
        "TorchSharp-cuda";
#else
        "libtorch-cpu";
#endif

    private static string Events =>
#if MESSAGEPIPE
        "MessagePipe";
#else
        "this project's own";
#endif

    private void Examine(JsonObject json, JsonArray notes)
    {
        var engine = new Engine(options);
        json["engine"] = new JsonObject
        {
            ["directory"] = engine.Info.Directory,
            ["version"] = engine.Info.Version,
            ["torchsharp"] = typeof(torch).Assembly.GetName().Version!.ToString(3),
            ["patched"] = engine.Info.Patched,
            ["threads"] = torch.get_num_threads(),
        };
        var devices = new JsonArray("cpu");
        for (var index = 0; engine.Info.CudaAvailable && index < cuda.device_count(); index++) devices.Add($"cuda:{index}");
        json["devices"] = devices;
        json["device"] = engine.Device.ToString();

        notes.Add($"ppo, train, align, generate, judge, rerank and best-of-n run here; what trains computes in {DTypeText.Name(engine.TrainingDType)} unless --dtype says otherwise");
        try
        {
            json["dtypes"] = DTypeText.Json(engine.DTypes.Rates);
            notes.Add($"without --dtype, {DTypeText.Choice(engine.DTypes)}");
        }
        catch (ExternalException)
        {
            json["dtypes"] = "float32";
            notes.Add($"bfloat16 does not run on {engine.Device}: use --dtype float32");
        }
        if (!engine.Info.CudaAvailable)
        {
            notes.Add(engine.Info.Directory.Contains("libtorch-cpu", StringComparison.Ordinal) || Packages == "libtorch-cpu"
                ? "no CUDA: this build brings libtorch for the CPU; name an installed PyTorch's torch/lib with --libtorch, or build with -p:Torch=cuda"
                : "no CUDA: libtorch finds no device or no driver");
        }
        if (engine.Info.Patched) notes.Add("LibTorchSharp asks for a newer libstdc++ than this system's: a patched copy is used, nothing is missing");
    }

    private static string Text(JsonObject json)
    {
        var text = new StringBuilder();
        foreach (var (name, value) in json)
        {
            var shown = value switch
            {
                JsonArray items when name == "notes" => string.Concat(items.Select(item => $"\n  - {item}")),
                JsonArray items => string.Join(", ", items.Select(item => item!.ToString())),
                JsonObject fields => string.Concat(fields.Select(field => $"\n  {field.Key,-13}{(field.Value is JsonObject inner ? string.Join(", ", inner.Select(pair => $"{pair.Key} {pair.Value}")) : field.Value)}")),
                _ => value?.ToString(),
            };
            text.AppendLine(value is JsonObject or JsonArray && shown!.StartsWith('\n') ? name + shown : $"{name,-15}{shown}");
        }
        return text.ToString();
    }
}
