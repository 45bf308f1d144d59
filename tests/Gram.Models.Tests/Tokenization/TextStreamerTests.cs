using System.Text;
using System.Text.Json.Nodes;
using Gram.Models.Tokenization;

namespace Gram.Models.Tests.Tokenization;

public sealed class TextStreamerTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public static IEnumerable<object[]> Cases() => Goldens.Folders("models", "golden_tokenizer.json");

    [Fact]
    public void Push_CharacterOfSeveralTokens_ComesWithTheLastOfThem()
    {
        var tokenizer = ByteLevelTokenizer.Load(directory, ByteLevelTokenizer.Json());
        var stream = new TextStreamer(tokenizer);
        // "é" is C3 A9, "😀" F0 9F 98 80; ids are the bytes.
        int[] bytes = [0x61, 0xC3, 0xA9, 0xF0, 0x9F, 0x98, 0x80];
        bytes.Select(stream.Push).Should().Equal("a", "", "é", "", "", "", "😀");
        stream.Flush().Should().BeEmpty();
    }

    [Fact]
    public void Push_BytesThatAreNotUtf8_BecomeReplacementCharacters()
    {
        var tokenizer = ByteLevelTokenizer.Load(directory, ByteLevelTokenizer.Json());
        var stream = new TextStreamer(tokenizer);
        // A continuation byte that continues nothing; a beginning that is not continued, known by the byte after it or by the end.
        ((int[])[0xA9, 0xC3, 0x61, 0xE2, 0x82]).Select(stream.Push).Should().Equal("\uFFFD", "", "\uFFFDa", "", "");
        stream.Flush().Should().Be("\uFFFD");
    }

    [Fact]
    public void Push_ByteFallback_WaitsForTheRunsEndAndStripsTheFirstSpace()
    {
        var json = ByteLevelTokenizer.Json();
        var vocabulary = json["model"]!["vocab"]!.AsObject();
        foreach (var token in (string[])["▁Hi", "▁you", "<0xC3>", "<0xA9>"]) vocabulary[token] = vocabulary.Count + 3;
        json["decoder"] = JsonNode.Parse("""
            {"type": "Sequence", "decoders": [
              {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
              {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
            """);
        var tokenizer = ByteLevelTokenizer.Load(directory, json);
        var stream = new TextStreamer(tokenizer);
        int[] ids = [.. ((string[])["▁Hi", "▁you", "<0xC3>", "<0xA9>", "▁Hi", "<0xC3>"]).Select(token => tokenizer.TokenId(token)!.Value)];

        ids.Select(stream.Push).Should().Equal("Hi", " you", "", "", "é Hi", "");
        stream.Flush().Should().Be("\uFFFD");
        tokenizer.Decode(ids).Should().Be("Hi youé Hi\uFFFD");
    }

    [SkippableTheory, Trait("Category", Goldens.Category)]
    [MemberData(nameof(Cases))]
    public void Push_GoldenIds_PiecesAreHuggingFacesText(string name)
    {
        var tokenizer = Tokenizer.Load(Goldens.PathOf("models", name));
        foreach (var row in Goldens.Json("models", name, "golden_tokenizer.json")["strings"]!.AsArray())
        {
            int[] ids = [.. row!["ids_without_special"]!.AsArray().Select(id => id!.GetValue<int>())];
            string.Concat(Pieces(new(tokenizer), ids)).Should().Be(row["decoded_skipping_special"]!.GetValue<string>());
            string.Concat(Pieces(new(tokenizer, skipSpecialTokens: false), ids)).Should().Be(row["decoded"]!.GetValue<string>());
        }
    }

    [SkippableTheory, Trait("Category", Goldens.Category)]
    [MemberData(nameof(Cases))]
    public void Push_RandomIds_PiecesAreWholeCharactersAndTheDecodedText(string name)
    {
        var tokenizer = Tokenizer.Load(Goldens.PathOf("models", name));
        var random = new RandomSource(5);
        var emoji = tokenizer.Encode("👩‍👩‍👧 e\u0301 ñ नमस्ते 𝒳");
        for (var round = 0; round < 200; round++)
        {
            // Noise, with pieces of real characters in it.
            var start = random.Next(emoji.Length);
            int[] ids = [.. Noise(), .. emoji[start..], .. Noise()];
            var pieces = Pieces(new(tokenizer, skipSpecialTokens: false), ids);
            string.Concat(pieces).Should().Be(tokenizer.Decode(ids, skipSpecialTokens: false));
            pieces.Should().OnlyContain(piece => IsWhole(piece));
        }

        int[] Noise() => [.. Enumerable.Range(0, random.Next(12)).Select(_ => random.Next(tokenizer.Count))];
    }

    public void Dispose() => directory.Dispose();

    private static List<string> Pieces(TextStreamer stream, int[] ids) => [.. ids.Select(stream.Push), stream.Flush()];

    /// <summary>No surrogate without its other half.</summary>
    private static bool IsWhole(string piece)
    {
        for (var i = 0; i < piece.Length; i += char.IsSurrogate(piece[i]) ? 2 : 1)
        {
            if (char.IsSurrogate(piece[i]) && !Rune.TryGetRuneAt(piece, i, out _)) return false;
        }
        return true;
    }
}
