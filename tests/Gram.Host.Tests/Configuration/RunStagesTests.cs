using Gram.Host.Commands;
using Gram.Host.Configuration;
using Gram.Models;
using Gram.Reward.Training;

namespace Gram.Host.Tests.Configuration;

public sealed class RunStagesTests : IDisposable
{
    private readonly TemporaryDirectory folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Load_List_EachStageHasItsKeysAndStartsFromTheModelBefore()
    {
        var stages = Load("- {model_name_or_path: m, learning_rate: 1e-3, gram_candidate_labels: ['A,B', C]}\n- {gram_loss: true}\n- {model_name_or_path: own}\n", "--output_dir", folder.File("out"), "--seed", "7");

        stages.Select(stage => stage.ModelNameOrPath).Should().Equal("m", folder.File("out/stage-1"), "own");
        stages.Select(stage => stage.OutputDir).Should().Equal(folder.File("out/stage-1"), folder.File("out/stage-2"), folder.File("out/stage-3"));
        stages.Select(stage => stage.LearningRate).Should().Equal(1e-3, 1e-5, 1e-5);
        stages.Select(stage => stage.GramLoss).Should().Equal(false, true, false);
        stages.Should().OnlyContain(stage => stage.Seed == 7);
        stages[0].GramCandidateLabels.Should().Equal("A,B", "C");
    }

    [Fact]
    public void Load_ModelOnTheCommandLine_IsTheFirstStages()
    {
        var stages = Load($"- {{output_dir: {folder.File("first")}}}\n- {{output_dir: {folder.File("second")}}}\n", "--model", "m");

        stages.Select(stage => stage.ModelNameOrPath).Should().Equal("m", folder.File("first"));
        stages.Select(stage => stage.OutputDir).Should().Equal(folder.File("first"), folder.File("second"));
    }

    [Theory]
    [InlineData("[]", "*the list of stages is empty*")]
    [InlineData("- {model_name_or_path: m}\n- gram", "*run.yaml, stage 2: not a mapping*")]
    [InlineData("- {model_name_or_path: m}\n- {lerning_rate: 1}", "*run.yaml, stage 2: unknown key 'lerning_rate'*learning_rate*")]
    [InlineData("- {model_name_or_path: m, output_dir: same}\n- {output_dir: same}", "*run.yaml, stage 2: 'output_dir' is an earlier stage's*")]
    [InlineData("- {}\n- {}", "--model_name_or_path is needed*")]
    [InlineData("- {model_name_or_path: m, resume_from_checkpoint: runs/x/checkpoint-3}", "*resume_from_checkpoint*set it to true*")]
    public void Load_WrongList_SaysWhichStage(string yaml, string message) =>
        FluentActions.Invoking(() => Load(yaml)).Should().Throw<GramException>().WithMessage(message);

    [Fact]
    public void Load_ListForAnotherCommand_IsAnError() =>
        FluentActions.Invoking(() => LoadFor("ppo", "- {model_name_or_path: m}")).Should().Throw<GramException>().WithMessage("*list of stages, which gram train alone takes*");

    private List<GramTrainingOptions> Load(string yaml, params string[] words) => LoadFor("train", yaml, words);

    private List<GramTrainingOptions> LoadFor(string name, string yaml, params string[] words)
    {
        File.WriteAllText(folder.File("run.yaml"), yaml);
        var (command, _) = CommandTable.Find([name]);
        return [.. RunStages.Load(command, CommandArguments.Parse([folder.File("run.yaml"), .. words], command.Schema)).All.Select(run => run.Get<GramTrainingOptions>())];
    }
}
