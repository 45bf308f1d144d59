using Gram.Reward.Judging;

namespace Gram.Reward.Tests.Judging;

public sealed class PromptBranchTests
{
    [Fact]
    public void Of_TwoQuestionsInTwoOrders_ShareTheQuestions()
    {
        // A preamble of 2 tokens, a question of 2, then the rest.
        int[][] prompts = [[9, 9, 1, 1, 5, 6], [9, 9, 2, 2, 6, 5], [9, 9, 1, 1, 6, 5], [9, 9, 2, 2, 5, 6]];

        var branches = PromptBranch.Of(prompts, start: 2);

        branches.Should().HaveCount(2);
        branches.Should().OnlyContain(question => question.Start == 2 && question.End == 4 && !question.IsPrompt);
        branches[0].Branches.Select(rest => (rest.Prompt, rest.Start, rest.End)).Should().Equal((0, 4, 6), (2, 4, 6));
        branches[1].Branches.Select(rest => rest.Prompt).Should().Equal(3, 1);
    }

    [Fact]
    public void Of_AllPairsOfAQuestion_ShareTheFirstAnswersToo()
    {
        // Answers 1 to 4 of 3 tokens each, in all orders of two.
        int[][] prompts = [.. from first in Enumerable.Range(1, 4) from second in Enumerable.Range(1, 4) where first != second select (int[])[9, first, first, first, second, second, second]];

        var branches = PromptBranch.Of(prompts, start: 1);

        branches.Should().HaveCount(4).And.OnlyContain(answer => answer.End == 4 && answer.Branches.Count == 3);
        // 12 prompts of 7 tokens are 84; 4 first answers of 3 and 12 second ones of 3 are 48.
        Tokens(branches).Should().Be(48);
    }

    [Fact]
    public void Of_BeginningsThatSaveLittle_AreNotShared()
    {
        int[][] prompts = [[1, .. Enumerable.Range(10, 30)], [1, .. Enumerable.Range(50, 30)]];

        var branches = PromptBranch.Of(prompts, start: 0);

        branches.Should().HaveCount(2).And.OnlyContain(branch => branch.IsPrompt && branch.Start == 0);
    }

    [Fact]
    public void Of_EqualPromptsAndOnesInsideOthers_AreAllScored()
    {
        int[][] prompts = [[1, 2, 3], [1, 2, 3], [1, 2], [1, 2, 3, 4]];

        var ends = Prompts(PromptBranch.Of(prompts, start: 0)).ToList();

        ends.Select(end => end.Prompt).Should().BeEquivalentTo([0, 1, 2, 3]);
        ends.Should().OnlyContain(end => end.End == prompts[end.Prompt].Length && end.Length >= 1, "the last token of a prompt must run to predict the label");
    }

    [Fact]
    public void Of_BeginningsInsideBeginningsWithoutEnd_StaysShallow()
    {
        int[][] prompts = [.. Enumerable.Range(1, 3000).Select(length => (int[])[.. Enumerable.Repeat(7, length), 8])];

        var branches = PromptBranch.Of(prompts, start: 0);

        Prompts(branches).Select(end => end.Prompt).Should().BeEquivalentTo(Enumerable.Range(0, 3000));
    }

    private static int Tokens(IReadOnlyList<PromptBranch> branches) => branches.Sum(branch => branch.Length + Tokens(branch.Branches));

    private static IEnumerable<PromptBranch> Prompts(IReadOnlyList<PromptBranch> branches) =>
        branches.SelectMany(branch => branch.IsPrompt ? [branch] : Prompts(branch.Branches));
}
