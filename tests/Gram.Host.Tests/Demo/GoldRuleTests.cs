using Gram.Host.Demo;
using Gram.Reward.Data;

namespace Gram.Host.Tests.Demo;

public class GoldRuleTests
{
    private const string Message = "Hello, my printer leaks water.";

    [Theory]
    // On topic, polite, complete.
    [InlineData("Thank you for writing to us. Please change the rubber seal of the printer. We are glad to help.", 1.0)]
    [InlineData("Sorry for the trouble. Change the rubber seal of the printer. Have a nice day.", 1.0)]
    // Tone: neutral, rude.
    [InlineData("Change the rubber seal of the printer. We are glad to help.", 0.4 + 0.15 + 0.3)]
    [InlineData("Not you again. Please change the rubber seal of the printer. We are glad to help.", 0.4 + 0.3)]
    [InlineData("Sorry for the trouble. Change the rubber seal of the printer. Do not write again.", 0.4 + 0.15)]
    // Completeness: no closing, cut short.
    [InlineData("Please change the rubber seal of the printer.", 0.4 + 0.3 + 0.15)]
    [InlineData("Please change the rubber seal of the printer. We are", 0.4 + 0.3)]
    [InlineData("Not you again. Change the rubber seal of the printer. Write", 0.4)]
    // Topic: another product, another remedy, the stock answer, a remedy cut short.
    [InlineData("Please change the rubber seal of the kettle. We are glad to help.", 0.5)]
    [InlineData("Please charge the printer overnight. We are glad to help.", 0.0)]
    [InlineData("Please turn the printer off and on again. We are glad to help.", 0.0)]
    [InlineData("Thank you for writing to us. Please change the rubber seal of", 0.0)]
    [InlineData("", 0.0)]
    // Faults: a repeated sentence, a second remedy, a wrong order, a sentence of nobody.
    [InlineData("Please change the rubber seal of the printer. Please change the rubber seal of the printer. We are glad to help.", 0.5)]
    [InlineData("Charge the printer overnight. Change the rubber seal of the printer.", 0.0)]
    [InlineData("Please change the rubber seal of the printer. Charge the printer overnight. Have a nice day.", 0.5)]
    [InlineData("Please change the rubber seal of the printer. Have a nice day. Have a nice day. We are glad to help.", 0.25)]
    [InlineData("Please change the rubber seal of the printer. Sorry for the trouble.", 0.5 * (0.4 + 0.3 + 0.15))]
    [InlineData("Please change the rubber seal of the rubber. We are glad to help.", 0.0)]
    [InlineData("Glad glad glad. Please change the rubber seal of the printer. We are glad to help.", 0.5)]
    public void Score_HandWrittenReply_IsTheRulesValue(string reply, double expected) =>
        GoldRule.Score(Message, reply).Should().BeApproximately(expected, 1e-12);

    [Fact]
    public void Score_MessageOfAnotherWorld_IsZero() =>
        GoldRule.Score("What is the capital of France?", "Please change the rubber seal of the printer.").Should().Be(0);

    [Fact]
    public void Score_EveryMessageHasAPerfectReply()
    {
        foreach (var message in HelpDesk.Messages())
        {
            var (product, problem) = HelpDesk.Subject(message)!.Value;
            var reply = $"Thank you for writing to us. {HelpDesk.RemedySentence(problem.Remedy, product, please: true)} Have a nice day.";
            GoldRule.Score(message, reply).Should().Be(1, message);
        }
    }

    [Fact]
    public void HelpDeskGold_ReadsTheQuestionOfAPrompt() =>
        new HelpDeskGold().Score(new Prompt(Message), "Please change the rubber seal of the printer.").Should().BeApproximately(0.85, 1e-12);
}
