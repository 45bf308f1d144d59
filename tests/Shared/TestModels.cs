using System.Diagnostics;

namespace Gram.Tests;

/// <summary>Real small models for tests; none of them is in the repository.</summary>
internal static class TestModels
{
    private static readonly Lazy<string?> SmolLM2Directory = new(Unpack);

    /// <summary>SmolLM2-135M-Instruct as a Hugging Face directory; skips the test where it cannot be had.</summary>
    public static string SmolLM2()
    {
        Skip.If(SmolLM2Directory.Value is null, "SmolLM2-135M-Instruct is absent: this test needs the shared models beside the checkout, and node");
        return SmolLM2Directory.Value!;
    }

    /// <summary>stories260K, a 260 K parameter Llama; skips the test where it is absent.</summary>
    public static string Stories260K() => Repository.SharedPath("models", "stories260K");

    private static string? Unpack()
    {
        var root = Environment.GetEnvironmentVariable("GRAMRL_TEST_MODELS") is { Length: > 0 } value
            ? value
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "gramrl-test-models");
        var directory = Path.Combine(root, "smollm2-135m-instruct");
        if (File.Exists(Path.Combine(directory, "model.safetensors"))) return directory;
        var script = Path.Combine(Repository.Shared, "models", "unpack.mjs");
        if (!File.Exists(script)) return null;
        using var node = Process.Start(new ProcessStartInfo("node", [script, root]) { RedirectStandardOutput = true });
        node?.WaitForExit();
        return node is { ExitCode: 0 } ? directory : null;
    }
}
