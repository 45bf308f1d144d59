using Gram.Host.Demo;
using Gram.Models;
using Gram.Models.Tokenization;

namespace Gram.Host.Tests.Demo;

public class BpeTrainerTests
{
    [Fact]
    public void Train_MergesTheMostFrequentPairFirst()
    {
        // Words: "aab" 4 times, " ab" once: ab occurs 5 times, then a+ab 4 times.
        var bpe = BpeTrainer.Train(["aab", "aab", "aab", "aab ab"], vocabularySize: 260, controlTokens: ["<end>"]);

        bpe.Merges.Should().Equal(("a", "b"), ("a", "ab"));
        bpe.Vocabulary.Should().HaveCount(258).And.EndWith("aab");
    }

    [Fact]
    public void Train_NoPairOccursTwice_StopsEarly() =>
        BpeTrainer.Train(["abc"], vocabularySize: 300, controlTokens: []).Merges.Should().BeEmpty();

    [Fact]
    public void Train_VocabularyTooSmall_SaysWhatIsNeeded()
    {
        var act = () => BpeTrainer.Train(["abc"], vocabularySize: 256, controlTokens: ["<end>"]);
        act.Should().Throw<GramException>().WithMessage("*256*257*");
    }

    [Fact]
    public void Write_LoadedByTheSuitesTokenizer_RoundTripsAndMergesAsTrained()
    {
        using var directory = new TemporaryDirectory();
        var messages = new DemoWorld(1).Ppo.Take(200).ToList();
        var bpe = BpeTrainer.Train(messages, vocabularySize: 450, TokenizerFiles.ControlTokens);
        TokenizerFiles.Write(directory.Path, bpe, contextLength: 128);

        var tokenizer = Tokenizer.Load(directory.Path);

        tokenizer.Count.Should().Be(450);
        tokenizer.PadTokenId.Should().Be(0);
        tokenizer.EosTokenId.Should().Be(2);
        tokenizer.TokenId("<|im_start|>").Should().Be(1);
        foreach (var text in messages.Append("naïve Zürich 12% \n\n日本語 🙂").Append("  two  spaces\t"))
        {
            var ids = tokenizer.Encode(text);
            tokenizer.Decode(ids).Should().Be(text);
            ids.Select(id => TokenText(bpe, id)).Should().Equal(MergeByHand(bpe, text), text);
        }
    }

    [Fact]
    public void Write_ChatTemplate_IsRecognisedAsChatMl()
    {
        using var directory = new TemporaryDirectory();
        TokenizerFiles.Write(directory.Path, BpeTrainer.Train([], 259, TokenizerFiles.ControlTokens), contextLength: 128);

        var tokenizer = Tokenizer.Load(directory.Path);
        var template = ChatTemplate.Recognise(tokenizer.ChatTemplateSource!);

        template.Name.Should().Be("chatml");
        template.Render([new("user", "Hi")], addGenerationPrompt: true).Should().Be("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
    }

    private static string TokenText(Bpe bpe, int id) => bpe.ControlTokens.Concat(bpe.Vocabulary).ElementAt(id);

    /// <summary>Applies the merges in order to the whole of each word: BPE by its definition.</summary>
    private static List<string> MergeByHand(Bpe bpe, string text)
    {
        List<string> all = [];
        foreach (System.Text.RegularExpressions.Match word in System.Text.RegularExpressions.Regex.Matches(text, BpeTrainer.SplitPattern))
        {
            var tokens = System.Text.Encoding.UTF8.GetBytes(word.Value).Select(value => ByteAlphabet.Letter(value).ToString()).ToList();
            foreach (var (left, right) in bpe.Merges)
                for (var i = 1; i < tokens.Count; i++)
                    if (tokens[i - 1] == left && tokens[i] == right)
                    {
                        tokens[i - 1] += right;
                        tokens.RemoveAt(i);
                    }
            all.AddRange(tokens);
        }
        return all;
    }
}
