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

    /// <summary>
    /// An official tokenizer (qwen3, llama3), too large for the repository: a folder of that name in GRAMRL_TEST_TOKENIZERS, or
    /// in ~/.cache/gramrl-test-tokenizers. Skips the test where it is absent.
    /// </summary>
    public static string OfficialTokenizer(string name)
    {
        var directory = Path.Combine(FromEnvironment("GRAMRL_TEST_TOKENIZERS", "gramrl-test-tokenizers"), name);
        Skip.IfNot(File.Exists(Path.Combine(directory, "tokenizer.json")), $"{directory} holds no official tokenizer.json");
        return directory;
    }

    private static string FromEnvironment(string variable, string cacheFolder) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value
            ? value
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", cacheFolder);

    private static string? Unpack()
    {
        var root = FromEnvironment("GRAMRL_TEST_MODELS", "gramrl-test-models");
        var directory = Path.Combine(root, "smollm2-135m-instruct");
        if (File.Exists(Path.Combine(directory, "model.safetensors"))) return directory;
        var script = Path.Combine(Repository.Shared, "models", "unpack.mjs");
        if (!File.Exists(script)) return null;
        using var node = Process.Start(new ProcessStartInfo("node", [script, root]) { RedirectStandardOutput = true });
        node?.WaitForExit();
        return node is { ExitCode: 0 } ? directory : null;
    }
}
