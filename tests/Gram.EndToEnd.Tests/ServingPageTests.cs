using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Gram.EndToEnd.Tests;

/// <summary>docs/serving.md, command by command, with a tiny checkpoint behind the released one's name.</summary>
[Collection(ProgramTests.Name)]
public sealed partial class ServingPageTests : IDisposable
{
    private const string Released = "wangclnlp/GRAM-Qwen3-1.7B-RewardModel", Address = "http://127.0.0.1:5080", Rendered = "<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\nSo.<|im_end|>\n";

    private readonly FakeHub hub = new();
    private readonly TemporaryDirectory home = new();

    public ServingPageTests()
    {
        hub.Add(Released, TinyCheckpoint.Create(home.File("stand-in"), context: 4096));
        Directory.CreateSymbolicLink(home.File("configs"), Path.Combine(Repository.Root, "configs"));
        Directory.CreateDirectory(home.File("data"));
        File.WriteAllLines(home.File("data/references.jsonl"), ["""{"prompt": "Why?", "reference": "No."}"""]);
        Directory.CreateDirectory(home.File("bin"));
        File.WriteAllText(home.File("bin/gram"), $"#!/bin/sh\nexec env --default-signal=INT dotnet '{Path.Combine(AppContext.BaseDirectory, "gram.dll")}' \"$@\"\n");
        using var chmod = Process.Start("chmod", ["+x", home.File("bin/gram")]);
        chmod.WaitForExit();
    }

    public void Dispose()
    {
        hub.Dispose();
        home.Dispose();
    }

    [Fact]
    public async Task Walk_AsWritten_ServesWithAndWithoutKeys()
    {
        var blocks = Blocks().Matches(File.ReadAllText(Path.Combine(Repository.Root, "docs", "serving.md"))).Select(block => block.Groups[1].Value.Trim()).ToList();
        blocks.Select(block => block.Split(' ')[0]).Should().Equal("gram", "curl", "key=$(openssl");

        using (var server = Start(blocks[0], ("GRAM_PORT", "0")))
        {
            var address = await ServeTests.AddressAsync(server);
            blocks[1].Should().Contain($"{Address}/v1/compare ");
            var answer = await AnswerAsync(blocks[1].Replace(Address, address.ToString().TrimEnd('/'), StringComparison.Ordinal));
            JsonNode.Parse(answer)!["results"]![0]!["score_a"]!.GetValue<double>().Should().BeInRange(0, 1);
            await StopAsync(server);
        }

        // The key is printed too, so that the test can use it.
        using (var server = Start($"{blocks[2].Replace("gram serve", "echo \"key $key\"; exec gram serve", StringComparison.Ordinal)}", ("GRAM_URLS", "http://127.0.0.1:0")))
        {
            var key = (await server.StandardOutput.ReadLineAsync())!.Split(' ')[1];
            var address = await ServeTests.AddressAsync(server);
            File.ReadAllText(home.File("keys.txt")).Should().MatchRegex("^trainer [0-9a-f]{64}\n$").And.NotContain(key);
            using var client = new HttpClient { BaseAddress = new Uri($"http://trainer:{key}@{address.Authority}/") };
            client.DefaultRequestHeaders.Authorization = new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"trainer:{key}"))); // what requests makes of the URL
            using var content = new StringContent(new JsonObject { ["model"] = "model", ["messages"] = new JsonArray(Rendered) }.ToJsonString(), Encoding.UTF8, "application/json");
            var answer = await client.PostAsync(new Uri("v1/score/evaluation", UriKind.Relative), content);
            JsonNode.Parse(await answer.EnsureSuccessStatusCode().Content.ReadAsStringAsync())!["scores"]!.AsArray().Should().HaveCount(1);
            client.DefaultRequestHeaders.Authorization = null;
            ((int)(await client.GetAsync(new Uri("metrics", UriKind.Relative))).StatusCode).Should().Be(401);
            await StopAsync(server);
        }
    }

    private Process Start(string script, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo("bash", ["-c", script.StartsWith("gram", StringComparison.Ordinal) ? $"exec {script}" : script]) { WorkingDirectory = home.Path, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("GRAM_", StringComparison.Ordinal) && name != "GRAM_LIBTORCH").ToList()) start.Environment.Remove(name);
        start.Environment["PATH"] = $"{home.File("bin")}:{start.Environment["PATH"]}";
        foreach (var (name, value) in (IEnumerable<(string, string)>)[("GRAM_THREADS", "1"), ("HF_ENDPOINT", hub.Endpoint.ToString()), ("HF_HOME", home.File("cache")), ("HF_HUB_CACHE", ""), ("HF_HUB_OFFLINE", "0"), .. environment]) start.Environment[name] = value;
        return Process.Start(start)!;
    }

    private async Task<string> AnswerAsync(string command)
    {
        using var process = Start(command);
        var answer = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        process.ExitCode.Should().Be(0);
        return answer;
    }

    private static async Task StopAsync(Process server)
    {
        await ServeTests.SignalAsync(server, "TERM");
        (await GramProgram.FinishAsync(server)).ExitCode.Should().Be(0);
    }

    [GeneratedRegex("```sh\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Blocks();
}
