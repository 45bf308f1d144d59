using System.Text;
using System.Text.Json.Nodes;
using Gram.Models.Checkpoints;
using Gram.Models.Tokenization;

namespace Gram.Models.Tests.Tokenization;

public sealed class TokenizerTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Encode_Merges_ApplyInOrder()
    {
        var tokenizer = ByteLevelTokenizer.Load(directory, ByteLevelTokenizer.Json("l o", "lo w", "e r"));
        tokenizer.Encode("lower").Should().Equal(tokenizer.TokenId("low")!.Value, tokenizer.TokenId("er")!.Value);
        tokenizer.Encode(" l").Should().Equal(0x20, 'l');
    }

    [Fact]
    public void Encode_MergesAsPairs_AreTheSame()
    {
        var json = ByteLevelTokenizer.Json("l o", "lo w");
        json["model"]!["merges"] = new JsonArray(new JsonArray("l", "o"), new JsonArray("lo", "w"));
        ByteLevelTokenizer.Load(directory, json).Encode("low").Should().Equal(257);
    }

    [Fact]
    public void Encode_IgnoreMerges_TakesWholeWordsOfTheVocabulary()
    {
        var json = ByteLevelTokenizer.Json("l o");
        json["model"]!["vocab"]!["slow"] = 300;
        ByteLevelTokenizer.Load(directory, json).Encode("slow").Should().Equal('s', 256, 'w');
        json["model"]!["ignore_merges"] = true;
        ByteLevelTokenizer.Load(directory, json).Encode("slow").Should().Equal(300);
    }

    [Fact]
    public void Encode_UserText_NeverBecomesAControlToken()
    {
        var json = ByteLevelTokenizer.Json();
        json["model"]!["vocab"]!["<bos>"] = 256; // control tokens may be in the vocabulary as well
        json["model"]!["ignore_merges"] = true;
        json["pre_tokenizer"] = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["use_regex"] = false };
        var tokenizer = ByteLevelTokenizer.Load(directory, json);
        var control = tokenizer.ControlTokens.Values;

        foreach (var text in (string[])["<bos>", "<|im_end|>", "a<|im_start|>system"])
        {
            tokenizer.Encode(text).Should().NotIntersectWith(control);
            tokenizer.Encode(text, allowControlTokens: true).Should().IntersectWith(control);
            tokenizer.Decode(tokenizer.Encode(text)).Should().Be(text);
        }
    }

    [Fact]
    public void Encode_LettersAndDigitsBeyondTheBmp_SplitAsLettersAndDigits()
    {
        // 𝐀𝐁 are letters and 𝟏𝟐𝟑𝟒 digits, each two chars of UTF-16: a split between A and 1 and after three digits keeps the merges apart.
        var tokenizer = ByteLevelTokenizer.Load(directory, ByteLevelTokenizer.Json());
        var shadow = new BmpShadow("𝐀𝐁𝟏𝟐𝟑𝟒x");
        shadow.Text.Should().HaveLength(7);
        shadow.Original(2, 5).Should().Be("𝟏𝟐𝟑");
        tokenizer.Decode(tokenizer.Encode("𝐀𝐁𝟏𝟐𝟑𝟒x")).Should().Be("𝐀𝐁𝟏𝟐𝟑𝟒x");
    }

    [Theory]
    [InlineData("", new int[0])]
    [InlineData("a", new int[] { 'a' })]
    public void Encode_PostProcessor_AddsBosWhenAsked(string text, int[] ids)
    {
        var json = ByteLevelTokenizer.Json();
        json["post_processor"] = JsonNode.Parse("""{"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<bos>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "special_tokens": {"<bos>": {"id": "<bos>", "ids": [256], "tokens": ["<bos>"]}}}""");
        var tokenizer = ByteLevelTokenizer.Load(directory, json);
        tokenizer.Encode(text).Should().Equal(ids);
        tokenizer.Encode(text, addSpecialTokens: true).Should().Equal([256, .. ids]);
    }

    [Fact]
    public void Encode_AddedTokens_StripAndRespectWords()
    {
        var json = ByteLevelTokenizer.Json();
        var tokens = json["added_tokens"]!.AsArray();
        var mask = ByteLevelTokenizer.Added(300, "<mask>", special: false);
        mask["lstrip"] = true;
        var word = ByteLevelTokenizer.Added(301, "the", special: false);
        word["single_word"] = true;
        tokens.Add(mask);
        tokens.Add(word);
        var tokenizer = ByteLevelTokenizer.Load(directory, json);

        tokenizer.Encode("a  <mask> b").Should().Equal('a', 300, ' ', 'b');
        tokenizer.Encode("the then").Should().Equal(301, ' ', 't', 'h', 'e', 'n');
    }

    [Fact]
    public void Decode_BytesThatAreNotUtf8_BecomeOneMarkEach()
    {
        var tokenizer = ByteLevelTokenizer.Load(directory, ByteLevelTokenizer.Json());
        tokenizer.Decode([0xE2, 0x82, 'a', 0xFF, 0xE2, 0x82, 0xAC]).Should().Be("\uFFFDa\uFFFD€");
        tokenizer.Decode([256, 'a', 9999]).Should().Be("a");
        tokenizer.Decode([256, 'a'], skipSpecialTokens: false).Should().Be("<bos>a");
    }

    [Fact]
    public void DecodeOfEncode_AnyText_IsItsComposedForm()
    {
        var json = ByteLevelTokenizer.Json("l o", "lo w", "e r", "Ġ t", "h e", "Ã ©");
        json["normalizer"] = new JsonObject { ["type"] = "NFC" };
        var tokenizer = ByteLevelTokenizer.Load(directory, json);
        var random = new RandomSource(5);
        for (var i = 0; i < 300; i++)
        {
            var text = RandomText(random);
            var back = tokenizer.Decode(tokenizer.Encode(text));
            back.Should().Be(UnicodeComposition.Compose(text));
            tokenizer.Encode(back).Should().Equal(tokenizer.Encode(text));
        }
    }

    [SkippableFact]
    public void Encode_Stories260K_GivesHuggingFacesIds()
    {
        // Ids of Hugging Face's tokenizers 0.23.2: SentencePiece's kind of BPE, where unknown characters fall back to bytes.
        var tokenizer = Tokenizer.Load(TestModels.Stories260K());
        int[] story = [403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421, 426];
        int[] frog = [274, 287, 439, 419, 410, 472, 280, 294, 419, 13, 13, 419, 412, 292, 467, 410, 243, 162, 147, 187, 443];
        tokenizer.Encode("Once upon a time, there was a little girl.").Should().Equal(story);
        tokenizer.Encode("Tom's 3 cats\n\nsaid: 🐸!").Should().Equal(frog);
        tokenizer.Decode(frog).Should().Be("Tom's 3 cats\n\nsaid: 🐸!");
        (tokenizer.BosTokenId, tokenizer.EosTokenId).Should().Be((1, 2));
    }

    [Fact]
    public void CopyTo_Files_AreTheSameBytes()
    {
        File.WriteAllBytes(directory.File("chat_template.jinja"), [0xEF, 0xBB, 0xBF, (byte)'x', (byte)'\r', (byte)'\n']);
        AtomicFile.WriteText(directory.File("additional_chat_templates/tool_use.jinja"), "tools");
        var tokenizer = ByteLevelTokenizer.Load(directory, ByteLevelTokenizer.Json("l o"), """{"eos_token": {"content": "<|im_end|>"}}""");
        using var copy = new TemporaryDirectory();

        foreach (var stale in (string[])["chat_template.json", "merges.txt", "additional_chat_templates/rag.jinja", "notes.txt"]) AtomicFile.WriteText(copy.File(stale), "another tokenizer's");

        tokenizer.CopyTo(copy.Path);

        string[] own = ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "additional_chat_templates/tool_use.jinja"];
        Directory.GetFiles(copy.Path, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(copy.Path, path)).Should().BeEquivalentTo([.. own, "notes.txt"]);
        foreach (var file in own) File.ReadAllBytes(copy.File(file)).Should().Equal(File.ReadAllBytes(directory.File(file)), file);
        Tokenizer.Load(copy.Path).EosTokenId.Should().Be(tokenizer.TokenId("<|im_end|>"));
    }

    [Fact]
    public void ChatTemplateSource_FileWinsOverConfig()
    {
        const string config = """{"chat_template": [{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "plain"}]}""";
        ByteLevelTokenizer.Load(directory, ByteLevelTokenizer.Json(), config).ChatTemplateSource.Should().Be("plain");
        File.WriteAllText(directory.File("chat_template.jinja"), "file");
        Tokenizer.Load(directory.Path).ChatTemplateSource.Should().Be("file");
    }

    [Theory]
    [InlineData("model.type", "\"WordPiece\"", "*tokenizer.json*WordPiece*")]
    [InlineData("model.vocab", "null", "*tokenizer.json*vocab is missing*")]
    [InlineData("model.vocab", "{\"a\": \"b\"}", "*tokenizer.json*a is \"b\"*integer*")]
    [InlineData("model.merges", "null", "*tokenizer.json*merges is missing*")]
    [InlineData("model.merges", "[3]", "*tokenizer.json*merges?0?*")]
    [InlineData("model.merges", "[\"l zz\"]", "*tokenizer.json*merges*")]
    [InlineData("model.end_of_word_suffix", "\"</w>\"", "*tokenizer.json*end_of_word_suffix </w>*")]
    [InlineData("normalizer", "{\"type\": \"Lowercase\"}", "*tokenizer.json*Lowercase*")]
    [InlineData("pre_tokenizer", "{\"type\": \"Metaspace\"}", "*tokenizer.json*Metaspace*")]
    [InlineData("pre_tokenizer", "{\"type\": \"Split\", \"behavior\": \"Isolated\", \"pattern\": {\"Regex\": \"a++(\"}}", "*tokenizer.json*a++(*")]
    [InlineData("post_processor", "{\"type\": \"BertProcessing\"}", "*tokenizer.json*BertProcessing*")]
    [InlineData("decoder", "{\"type\": \"WordPiece\"}", "*tokenizer.json*WordPiece*")]
    [InlineData("added_tokens", "[{\"id\": 1}]", "*tokenizer.json*content is missing*")]
    public void Load_WhatIsNotSupported_NamesIt(string key, string value, string message)
    {
        var json = ByteLevelTokenizer.Json("l o");
        var path = key.Split('.');
        (path.Length == 2 ? json[path[0]]!.AsObject() : json)[path[^1]] = JsonNode.Parse(value);
        FluentActions.Invoking(() => ByteLevelTokenizer.Load(directory, json)).Should().Throw<GramException>().WithMessage(message).Which.Message.Should().NotContain("\n");
    }

    [Fact]
    public void Load_EndTokenOutsideTheVocabulary_NamesIt() =>
        FluentActions.Invoking(() => ByteLevelTokenizer.Load(directory, ByteLevelTokenizer.Json(), """{"eos_token": "</s>"}"""))
            .Should().Throw<GramException>().WithMessage("*tokenizer_config.json*eos_token </s>*");

    [Fact]
    public void Load_NoFile_NamesIt() =>
        FluentActions.Invoking(() => Tokenizer.Load(directory.Path)).Should().Throw<GramException>().WithMessage("*tokenizer.json does not exist*");

    /// <summary>Characters of all planes, accents and spaces more often than chance would have them.</summary>
    private static string RandomText(RandomSource random)
    {
        var text = new StringBuilder();
        for (var length = random.Next(20); length >= 0; length--)
        {
            var code = random.Next(6) switch
            {
                0 => 0x300 + random.Next(0x70),
                1 => 0x1100 + random.Next(0x100),
                2 => random.Next(0x11_0000),
                3 => ' ',
                _ => 'a' + random.Next(26),
            };
            text.Append(Rune.IsValid(code) ? new Rune(code).ToString() : "é");
        }
        return text.ToString();
    }
}
