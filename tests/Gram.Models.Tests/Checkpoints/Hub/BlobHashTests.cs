using Gram.Models.Checkpoints.Hub;

namespace Gram.Models.Tests.Checkpoints.Hub;

public sealed class BlobHashTests : IDisposable
{
    private readonly TemporaryDirectory folder = new();

    public void Dispose() => folder.Dispose();

    // git hash-object and sha256sum of "hello\n" and of nothing.
    [Theory]
    [InlineData("hello\n", "ce013625030ba8dba906f756967f9e9ca394464a")]
    [InlineData("", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391")]
    [InlineData("hello\n", "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03")]
    [InlineData("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    public async Task IsOf_ContentOfTheHash_IsTrueOfItAlone(string content, string etag)
    {
        (await IsOf(content, etag)).Should().BeTrue();
        (await IsOf(content + "x", etag)).Should().BeFalse();
    }

    [Fact]
    public async Task IsOf_ETagThatIsNoHash_SaysNothing() => (await IsOf("hello\n", "b1a2-7")).Should().BeTrue();

    private async Task<bool> IsOf(string content, string etag)
    {
        File.WriteAllText(folder.File("blob"), content);
        await using var stream = File.OpenRead(folder.File("blob"));
        return await BlobHash.IsOfAsync(stream, etag, default);
    }
}
