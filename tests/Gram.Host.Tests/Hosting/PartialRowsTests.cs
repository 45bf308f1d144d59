using System.Text.Json.Nodes;
using Gram.Host.Hosting;
using Gram.Models;
using Gram.Reward.Data;

namespace Gram.Host.Tests.Hosting;

public sealed class PartialRowsTests : IDisposable
{
    private readonly TemporaryDirectory folder = new();

    public void Dispose() => folder.Dispose();

    private string Output => folder.File("scored.jsonl");

    [Fact]
    public void Take_AfterAnInterruption_GivesWholeBlocksAndForgetsTheRest()
    {
        using (var first = PartialRows.Open(Output, "a"))
        {
            first.Add(Rows(0, 1));
            first.Add(Rows(2, 3));
        }
        File.AppendAllText(Output + ".a.partial", """{"id": 4}""" + "\n" + """{"id": """);

        using (var second = PartialRows.Open(Output, "a"))
        {
            second.Take(2, Ids).Should().Equal(0, 1);
            second.Take(2, Ids).Should().Equal(2, 3);
            second.Take(2, Ids).Should().BeNull("its second row is cut off");
            second.Taken.Should().Be(4);
            second.Add(Rows(4, 5));
            second.Take(1, Ids).Should().BeNull("nothing is left");
            second.Add(Rows(6));
            second.Finish();
        }

        JsonRows.Read(Output).Select(row => row.Fields["id"]!.GetValue<int>()).Should().Equal(0, 1, 2, 3, 4, 5, 6);
        Directory.GetFiles(folder.Path).Should().Equal(Output);
    }

    [Fact]
    public void Take_RowsThatDoNotBelongThere_AreForgotten()
    {
        using (var first = PartialRows.Open(Output, "a")) first.Add(Rows(0, 1, 2, 3));

        using var second = PartialRows.Open(Output, "a");
        second.Take(2, Ids).Should().Equal(0, 1);
        second.Take<int>(2, (_, row) => row["id"]!.GetValue<int>() == 2 ? 2 : null).Should().BeNull();
        second.Take(1, Ids).Should().BeNull("what stood behind it rests on other rows too");
    }

    [Fact]
    public void Open_OtherSignature_BeginsAnew()
    {
        using (var first = PartialRows.Open(Output, "a")) first.Add(Rows(0));

        using var other = PartialRows.Open(Output, "b");
        other.Take(1, Ids).Should().BeNull();
    }

    [Fact]
    public void Open_WhileAnotherRunWrites_IsAnError()
    {
        using var first = PartialRows.Open(Output, "a");

        FluentActions.Invoking(() => PartialRows.Open(Output, "a")).Should().Throw<GramException>().WithMessage("*does another run write*");
    }

    [Fact]
    public void Finish_ListName_IsAList()
    {
        var list = folder.File("scored.json");
        using (var rows = PartialRows.Open(list, "a"))
        {
            rows.Add(Rows(0, 1));
            rows.Finish();
        }

        JsonNode.Parse(File.ReadAllText(list))!.AsArray().Should().HaveCount(2);
        Directory.GetFiles(folder.Path).Should().Equal(list);
    }

    [Fact]
    public void Dispose_Empty_LeavesNoFile()
    {
        PartialRows.Open(Output, "a").Dispose();

        Directory.GetFiles(folder.Path).Should().BeEmpty();
    }

    private static int? Ids(int place, JsonObject row) => row["id"]!.GetValue<int>();

    private static IEnumerable<JsonObject> Rows(params int[] ids) => ids.Select(id => new JsonObject { ["id"] = id });
}
