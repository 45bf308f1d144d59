using Gram.Models.Generation;

namespace Gram.Models.Tests.Generation;

public class StopStringsTests
{
    [Fact]
    public void Push_StopStringInPieces_LetsThroughWhatStandsBefore()
    {
        var search = new StopStrings(["\n\nUser:"]);
        search.Push("Yes.").Should().Be("Yes.");
        search.Push(" No.\n").Should().Be(" No.");
        search.Push("\nUs").Should().BeEmpty();
        search.Push("er: why").Should().BeEmpty();
        search.Found.Should().BeTrue();
        (search.Push("more") + search.Flush()).Should().BeEmpty();
    }

    [Fact]
    public void Push_BeginningThatGoesOnOtherwise_IsLetThroughLater()
    {
        var search = new StopStrings(["aab"]);
        search.Push("xaa").Should().Be("x");
        search.Push("a").Should().Be("a");
        search.Push("c").Should().Be("aac");
        search.Push("aa").Should().BeEmpty();
        search.Flush().Should().Be("aa");
        search.Found.Should().BeFalse();
    }

    [Theory]
    [InlineData("x")]
    [InlineData("xab")]
    [InlineData("xabc")]
    [InlineData("xabcdef")]
    public void Push_OverlappingStops_TheFirstToBeCompleteCountsWhateverThePieces(string firstPiece)
    {
        // "bc" is complete before "abcd" is, and "abc" ends with it but begins earlier.
        var search = new StopStrings(["abcd", "bc", "abc"]);
        var text = search.Push(firstPiece) + search.Push("xabcdef"[firstPiece.Length..]) + search.Flush();
        text.Should().Be("x");
        search.Found.Should().BeTrue();
    }

    [Fact]
    public void Push_NoStops_LetsEverythingThrough() => new StopStrings([]).Push("anything").Should().Be("anything");
}
