using Gram.Training.Configuration;

namespace Gram.Training.Tests.Configuration;

public sealed class NearestNameTests
{
    [Theory]
    [InlineData("kitten", "sitting", 3)]
    [InlineData("", "abc", 3)]
    [InlineData("same", "same", 0)]
    [InlineData("flaw", "lawn", 2)]
    public void Distance_OfKnownPairs_IsLevenshteins(string a, string b, int distance)
    {
        NearestName.Distance(a, b).Should().Be(distance);
        NearestName.Distance(b, a).Should().Be(distance);
    }

    [Fact]
    public void Of_MistypedName_IsTheOneMeant()
    {
        NearestName.Of("Sede", ["dtype", "seed", "device"]).Should().Be("seed");
    }
}
