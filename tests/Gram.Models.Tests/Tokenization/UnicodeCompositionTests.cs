using Gram.Models.Tokenization;

namespace Gram.Models.Tests.Tokenization;

/// <summary>Examples of UAX #15 and of the Unicode standard's chapter 3.</summary>
public sealed class UnicodeCompositionTests
{
    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("e\u0301", "\u00E9")]
    [InlineData("\u212B", "\u00C5")] // Angstrom sign: a singleton
    [InlineData("\u1E9B\u0323", "\u1E9B\u0323")] // long s with dot above, dot below: blocked
    [InlineData("s\u0307\u0323", "\u1E69")] // marks are ordered first: dot below, then dot above
    [InlineData("\u0958", "\u0915\u093C")] // excluded from composition
    [InlineData("\u1100\u1161\u11A8", "\uAC01")] // Hangul: leading, vowel, trailing
    [InlineData("\uAC00\u11A8", "\uAC01")]
    [InlineData("\u0344", "\u0308\u0301")] // no starter
    [InlineData("a\u0315\u0300\u05AE\u0062", "\u00E0\u05AE\u0315\u0062")]
    [InlineData("\U0001D15E", "\U0001D157\U0001D165")]
    [InlineData("\u0F71\u0F72\u0F71", "\u0F71\u0F71\u0F72")]
    public void Compose_Text_IsFormC(string text, string expected)
    {
        UnicodeComposition.Compose(text).Should().Be(expected);
        UnicodeComposition.Compose(expected).Should().Be(expected, "form C is its own");
    }

    [Theory]
    [InlineData("\u00E9", "e\u0301")]
    [InlineData("\u1E69", "s\u0323\u0307")]
    [InlineData("\uAC01", "\u1100\u1161\u11A8")]
    public void Decompose_Text_IsFormD(string text, string expected) => UnicodeComposition.Decompose(text).Should().Be(expected);
}
