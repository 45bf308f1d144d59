using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Unicode;
using Gram.Models;

namespace Gram.Reward.Data;

/// <summary>Takes rows out of a stream one at a time: items of a JSON list, or one object a line.</summary>
internal sealed class JsonRowReader(Stream stream, string name, Action<int>? notText) : IDisposable
{
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };
    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    private byte[] buffer = new byte[1 << 16];
    private int start, end, row;
    private bool ended, opened, isList, closed;
    private JsonReaderState state;

    /// <summary>The next row, or null at the end.</summary>
    public JsonRow? Next()
    {
        if (!opened) OpenFile();
        while ((isList ? NextItem() : NextLine()) is { } bytes)
        {
            if (!Utf8.IsValid(bytes.Span))
            {
                if (notText is null) throw new GramException($"{name}, row {row}: not valid UTF-8; save the file as UTF-8, or set clean: true to leave such rows out");
                notText(row);
                continue;
            }
            return new(row, Parse(bytes.Span), name);
        }
        return null;
    }

    public void Dispose() => stream.Dispose();

    private void OpenFile()
    {
        opened = true;
        while (end - start < 3 && Fill()) { }
        if (buffer.AsSpan(start, end - start).StartsWith(ByteOrderMark)) start += 3;
        while (true)
        {
            while (start < end && buffer[start] is (byte)' ' or (byte)'\t' or (byte)'\r') start++;
            if (start < end && buffer[start] == '\n')
            {
                start++;
                row++;
                continue;
            }
            if (start < end || !Fill()) break;
        }
        isList = start < end && buffer[start] == '[';
        if (isList) row = 0;
    }

    /// <summary>The bytes of the next line that is not blank.</summary>
    private ReadOnlyMemory<byte>? NextLine()
    {
        while (true)
        {
            int length;
            var searched = 0;
            while ((length = buffer.AsSpan(start + searched, end - start - searched).IndexOf((byte)'\n')) < 0)
            {
                searched = end - start;
                if (!Fill()) break;
            }
            if (length < 0 && start == end) return null;
            length = length < 0 ? end - start : searched + length;
            var line = buffer.AsMemory(start, length);
            start = Math.Min(end, start + length + 1);
            row++;
            if (line.Span.Trim(" \t\r"u8).Length > 0) return line;
        }
    }

    /// <summary>The bytes of the list's next item.</summary>
    private ReadOnlyMemory<byte>? NextItem()
    {
        if (closed) return null;
        try
        {
            while (true)
            {
                var reader = new Utf8JsonReader(buffer.AsSpan(start, end - start), ended, state);
                var inside = reader.CurrentDepth > 0 || (reader.Read() && reader.TokenType == JsonTokenType.StartArray);
                if (inside && reader.Read())
                {
                    if (reader.TokenType == JsonTokenType.EndArray)
                    {
                        closed = true;
                        start += (int)reader.BytesConsumed;
                        return AfterList();
                    }
                    var itemStart = start + (int)reader.TokenStartIndex;
                    if (reader.TrySkip())
                    {
                        row++;
                        var item = buffer.AsMemory(itemStart, start + (int)reader.BytesConsumed - itemStart);
                        start += (int)reader.BytesConsumed;
                        state = reader.CurrentState;
                        return item;
                    }
                }
                Fill();
            }
        }
        catch (JsonException error)
        {
            row++;
            throw NotJson(error);
        }
    }

    private ReadOnlyMemory<byte>? AfterList()
    {
        do
        {
            if (buffer.AsSpan(start, end - start).Trim(" \t\r\n"u8).Length > 0)
                throw new GramException($"{name}: something follows the end of the list; a data file is one list, or one object a line");
            start = end;
        }
        while (Fill());
        return null;
    }

    private JsonObject Parse(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return JsonNode.Parse(bytes, documentOptions: Strict) as JsonObject
                ?? throw new GramException($"{name}, row {row}: not an object with fields");
        }
        catch (JsonException error)
        {
            throw NotJson(error);
        }
    }

    private GramException NotJson(JsonException error) =>
        new($"{name}, row {row}: not valid JSON ({error.Message.Split(" LineNumber:")[0].Split(" Path:")[0].TrimEnd('.')})", error);

    /// <summary>Reads more behind what is held; false at the end of the stream.</summary>
    private bool Fill()
    {
        if (ended) return false;
        if (end == buffer.Length)
        {
            buffer.AsSpan(start, end - start).CopyTo(buffer);
            (start, end) = (0, end - start);
            if (end > buffer.Length / 2) Array.Resize(ref buffer, buffer.Length * 2);
        }
        try
        {
            var count = stream.Read(buffer, end, buffer.Length - end);
            ended = count == 0;
            end += count;
            return !ended;
        }
        catch (Exception error) when (error is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw new GramException($"{name} cannot be read after row {row}: {error.Message}", error);
        }
    }
}
