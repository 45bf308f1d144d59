using System.Text;

namespace Gram.Training.Runs;

/// <summary>Rows of cells in aligned columns.</summary>
public static class TextTable
{
    /// <summary>The rows, one a line; two blanks part the columns.</summary>
    /// <param name="rows">Rows with the same number of cells.</param>
    /// <param name="leftColumns">Columns from the left that are words; those after them are figures, and end together.</param>
    public static string Of(IReadOnlyList<IReadOnlyList<string>> rows, int leftColumns = int.MaxValue)
    {
        if (rows.Count == 0) return "";
        int[] widths = [.. Enumerable.Range(0, rows[0].Count).Select(column => rows.Max(row => row[column].Length))];
        var text = new StringBuilder();
        foreach (var row in rows) text.Append(string.Join("  ", row.Select((cell, column) => column < leftColumns ? cell.PadRight(widths[column]) : cell.PadLeft(widths[column]))).TrimEnd()).Append('\n');
        return text.ToString();
    }
}
