using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using Gram.Models;
using Gram.Reward.Data;

namespace Gram.Reward.Tests.Data;

public sealed class JsonRowsTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData("""[{"a":1},{"a":2}]""")]
    [InlineData("""  [ {"a":1} , {"a":2} ]  """)]
    [InlineData("{\"a\":1}\n{\"a\":2}")]
    [InlineData("{\"a\":1}\r\n{\"a\":2}\r\n")]
    [InlineData("\n[{\"a\":1},\n{\"a\":2}]\n")]
    public void Read_ListOrLinesUnderAnyName_GivesTheRowsInOrder(string content)
    {
        foreach (var name in new[] { "rows.json", "rows.jsonl", "rows.res", "rows" })
            Rows(File(name, content)).Should().Equal((1, 1), (2, 2));
    }

    [Fact]
    public void Read_GzipUnderAnyName_IsToldByContent()
    {
        var path = directory.File("rows.res");
        using (var gzip = new GZipStream(System.IO.File.Create(path), CompressionLevel.Fastest)) gzip.Write("""[{"a":1},{"a":2}]"""u8);

        Rows(path).Should().Equal((1, 1), (2, 2));
    }

    [Fact]
    public void Read_ByteOrderMark_IsLeftOut()
    {
        var path = directory.File("rows.jsonl");
        System.IO.File.WriteAllText(path, "{\"a\":1}\n", new UTF8Encoding(encoderShouldEmitUTF8Identifier: true));

        Rows(path).Should().Equal((1, 1));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Read_RowsLargerThanTheBuffer_GivesThemWhole(bool list)
    {
        var texts = Enumerable.Range(0, 40).Select(i => new string((char)('a' + i % 26), i * 9000)).ToArray();
        var rows = texts.Select(text => $$"""{"t":"{{text}}"}""");
        var path = File("rows", list ? $"[{string.Join(",\n", rows)}]" : string.Join("\n", rows));

        JsonRows.Read(path).Select(row => row.Text("t")).Should().Equal(texts);
    }

    [Theory]
    [InlineData("""[{"a":1},{"a":2]""", "row 2", "not valid JSON")]
    [InlineData("""[{"a":1},{"a":""", "row 2", "not valid JSON")]
    [InlineData("""[{"a":1}""", "row 2", "not valid JSON")]
    [InlineData("{\"a\":1}\n{\"a\"", "row 2", "not valid JSON")]
    [InlineData("{\"a\":1}\n7", "row 2", "not an object")]
    [InlineData("{\"a\":1}\n\n{\"a\":1,\"a\":2}", "row 3", "not valid JSON")]
    [InlineData("[{\"a\":1}] {}", "rows", "end of the list")]
    [InlineData("", "rows", "no rows")]
    [InlineData("[]", "rows", "no rows")]
    [InlineData(" \n\n", "rows", "no rows")]
    public void Read_BrokenFile_NamesFileAndRow(string content, string where, string what)
    {
        var read = () => JsonRows.Read(File("rows", content)).ToList();

        var message = read.Should().Throw<GramException>().Which.Message;
        message.Should().Contain("rows").And.Contain(where).And.Contain(what).And.NotContain("\n");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Read_RowThatIsNotUtf8_IsAnErrorOrIsLeftOutByNumber(bool list)
    {
        var path = directory.File("rows");
        byte[] bad = [.. "{\"t\":\""u8, 0xE9, .. "\"}"u8];
        byte[] content = list
            ? [.. "[{\"t\":\"x\"},"u8, .. bad, .. ",{\"t\":\"y\"}]"u8]
            : [.. "{\"t\":\"x\"}\n"u8, .. bad, .. "\n{\"t\":\"y\"}"u8];
        System.IO.File.WriteAllBytes(path, content);

        FluentActions.Invoking(() => JsonRows.Read(path).ToList()).Should().Throw<GramException>().WithMessage("*row 2*UTF-8*");

        var leftOut = new List<int>();
        JsonRows.Read(path, leftOut.Add).Select(row => row.Text("t")).Should().Equal("x", "y");
        leftOut.Should().Equal(2);
    }

    [Fact]
    public void Read_MissingFile_SaysSoAtOnce() =>
        FluentActions.Invoking(() => JsonRows.Read("/nowhere/rows.json")).Should().Throw<GramException>().WithMessage("/nowhere/rows.json*no such file*");

    [Theory]
    [InlineData("rows.json", false)]
    [InlineData("rows.jsonl", false)]
    [InlineData("rows.json.gz", true)]
    [InlineData("rows.jsonl.gz", true)]
    public void Write_ThenRead_KeepsOrderNumbersAndText(string name, bool gzip)
    {
        var path = directory.File(name);
        var rows = new[] { """{"t":"Ünïcode 🌞 \"q\" <b>","n":1.50,"big":12345678901234567890}""", """{"t":"","n":null}""" };

        JsonRows.Write(path, rows.Select(row => (JsonObject)JsonNode.Parse(row)!));

        JsonRows.Read(path).Select(row => row.Fields["n"]?.ToJsonString()).Should().Equal("1.50", null);
        JsonRows.Read(path).First().Fields["big"]!.ToJsonString().Should().Be("12345678901234567890");
        JsonRows.Read(path).First().Text("t").Should().Be("Ünïcode 🌞 \"q\" <b>");
        if (gzip) System.IO.File.ReadAllBytes(path).Take(2).Should().Equal(0x1f, 0x8b);
        else System.IO.File.ReadAllText(path).Should().Contain("Ünïcode").And.Contain("<b>");
    }

    [Fact]
    public void Write_RowsThatFailHalfway_LeavesNoFile()
    {
        static IEnumerable<JsonObject> Failing()
        {
            yield return [];
            throw new GramException("bad row");
        }

        FluentActions.Invoking(() => JsonRows.Write(directory.File("out.jsonl"), Failing())).Should().Throw<GramException>();
        Directory.GetFiles(directory.Path).Should().BeEmpty();
    }

    [Theory]
    [InlineData("""{"t":7}""", "'t' must be a text")]
    [InlineData("""{"t":null}""", "'t' is null")]
    [InlineData("""{"u":""}""", "'t' is missing")]
    [InlineData("""{"t":"\ud83d"}""", "'t' holds half of a surrogate pair")]
    public void Text_WrongField_NamesFileRowAndField(string row, string problem) =>
        FluentActions.Invoking(() => JsonRows.Read(File("rows", "{\"t\":\"\"}\n" + row)).Select(r => r.Text("t")).ToList())
            .Should().Throw<GramException>().WithMessage($"*rows, row 2: {problem}*");

    private string File(string name, string content)
    {
        var path = directory.File(name);
        System.IO.File.WriteAllText(path, content);
        return path;
    }

    private static IEnumerable<(int, int)> Rows(string path) => JsonRows.Read(path).Select(row => (row.Row, row.Fields["a"]!.GetValue<int>()));
}
