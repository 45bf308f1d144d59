using Gram.Models.Checkpoints;

namespace Gram.Models.Tests.Checkpoints;

public sealed class ShardsTests
{
    [Theory]
    [InlineData("5GB", 5_000_000_000)]
    [InlineData("200MB", 200_000_000)]
    [InlineData("1.5 kb", 1_500)]
    [InlineData("2TB", 2_000_000_000_000)]
    [InlineData("1000000", 1_000_000)]
    [InlineData("99999999999999999999TB", long.MaxValue)]
    public void ParseSize_ASize_IsItsBytes(string size, long bytes) => Shards.ParseSize(size).Should().Be(bytes);

    [Theory]
    [InlineData("")]
    [InlineData("GB")]
    [InlineData("-1")]
    [InlineData("5 gigabytes")]
    [InlineData("5GB!")]
    public void ParseSize_AnythingElse_IsRefused(string size) =>
        FluentActions.Invoking(() => Shards.ParseSize(size)).Should().Throw<GramException>().WithMessage($"max_shard_size: '{size}'*5GB, 200MB*");

    [Fact]
    public void Split_HuggingFacesExample_IsTheirs() =>
        // huggingface_hub, split_state_dict_into_shards_factory: a limit of 10 and these sizes give [6], [6 + 2], [6 + 2 + 2].
        Shards.Split([6L, 6, 2, 6, 2, 2], size => size, 10).Should().BeEquivalentTo((long[][])[[6], [6, 2], [6, 2, 2]], options => options.WithStrictOrdering());

    [Fact]
    public void Split_OneLargerThanTheLimit_StandsAloneAndBreaksNoRun() =>
        Shards.Split([3L, 50, 4, 10], size => size, 10).Should().BeEquivalentTo((long[][])[[50], [3, 4], [10]], options => options.WithStrictOrdering());
}
