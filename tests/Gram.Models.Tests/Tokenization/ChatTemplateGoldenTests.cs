using System.Text.Json.Nodes;
using Gram.Models.Tokenization;

namespace Gram.Models.Tests.Tokenization;

/// <summary>Texts rendered by transformers' jinja engine, and their ids.</summary>
public sealed class ChatTemplateGoldenTests
{
    public static IEnumerable<object[]> Models() => Goldens.Folders("models", "golden_tokenizer.json");

    [SkippableFact, Trait("Category", Goldens.Category)]
    public void Render_GoldenConversations_GiveTransformersText()
    {
        var golden = Goldens.Json("rl", "chat_templates", "chat_templates.json");
        foreach (var row in golden["cases"]!.AsArray())
        {
            var name = row!["template"]!.GetValue<string>();
            var text = ChatTemplate.ByName(name).Render(Conversation(golden, row), GenerationPrompt(row), Thinking(row));
            text.Should().Be(row["text"]!.GetValue<string>(), "{0} renders {1} so", name, row["conversation"]);
        }
    }

    [SkippableFact, Trait("Category", Goldens.Category)]
    public void Encode_GoldenConversations_KeepContentFreeOfControlTokens()
    {
        var golden = Goldens.Json("rl", "chat_templates", "chat_templates.json");
        var tokenizer = Tokenizer.Load(Repository.SharedPath("models", "smollm2-135m-instruct"));
        foreach (var row in golden["cases"]!.AsArray().Where(row => row!["ids_joint"] is not null))
        {
            var template = ChatTemplate.ByName(row!["template"]!.GetValue<string>());
            var messages = Conversation(golden, row);
            template.Encode(tokenizer, messages, GenerationPrompt(row), Thinking(row)).Should().Equal(Ids(row["ids_content_without_control_tokens"]), "of {0}", row["conversation"]);
            tokenizer.Encode(row["text"]!.GetValue<string>(), allowControlTokens: true).Should().Equal(Ids(row["ids_joint"]), "of {0}", row["conversation"]);
        }
    }

    [SkippableTheory, Trait("Category", Goldens.Category)]
    [MemberData(nameof(Models))]
    public void ForCheckpoint_GoldenModels_RenderAndEncodeAsTransformers(string name)
    {
        var tokenizer = Tokenizer.Load(Goldens.PathOf("models", name));
        var template = ChatTemplate.ForCheckpoint(tokenizer);
        foreach (var chat in Goldens.Json("models", name, "golden_tokenizer.json")["chats"]!.AsArray())
        {
            var messages = Messages(chat!["messages"]);
            template.Render(messages, GenerationPrompt(chat)).Should().Be(chat["text"]!.GetValue<string>());
            template.Encode(tokenizer, messages, GenerationPrompt(chat)).Should().Equal(Ids(chat["ids"]));
        }
    }

    [SkippableFact]
    public void ForCheckpoint_SmolLM2_IsRecognised() =>
        ChatTemplate.ForCheckpoint(Tokenizer.Load(Repository.SharedPath("models", "smollm2-135m-instruct"))).Name.Should().Be("smollm2");

    private static ChatMessage[] Conversation(JsonNode golden, JsonNode row) => Messages(golden["conversations"]![row["conversation"]!.GetValue<string>()]);

    private static ChatMessage[] Messages(JsonNode? list) =>
        [.. list!.AsArray().Select(message => new ChatMessage(message!["role"]!.GetValue<string>(), message["content"]!.GetValue<string>()))];

    private static bool GenerationPrompt(JsonNode row) => row["add_generation_prompt"]!.GetValue<bool>();

    private static bool? Thinking(JsonNode row) => row["kwargs"]!["enable_thinking"]?.GetValue<bool>();

    private static int[] Ids(JsonNode? node) => [.. node!.AsArray().Select(id => id!.GetValue<int>())];
}
