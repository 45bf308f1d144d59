using System.Xml.Linq;
using static Gram.Host.Reporting.Html;

namespace Gram.Host.Reporting;

/// <summary>A metric's values along an axis, and the intervals of those that are estimates.</summary>
/// <param name="Metric">Its name.</param>
/// <param name="Points">Where and value, in order.</param>
/// <param name="Intervals">Where, low and high; empty where there are none.</param>
internal sealed record Curve(string Metric, IReadOnlyList<(double At, double Value)> Points, IReadOnlyList<(double At, double Low, double High)> Intervals);

/// <summary>Curves of one unit in one picture.</summary>
/// <param name="Title">What they show.</param>
/// <param name="Unit">Unit of the values.</param>
/// <param name="Across">What the other axis counts.</param>
/// <param name="Curves">The curves, at least one, each of one value at least.</param>
internal sealed record Chart(string Title, string Unit, string Across, IReadOnlyList<Curve> Curves)
{
    /// <summary>Whether what the other axis counts doubles from point to point.</summary>
    public bool IsLogarithmic { get; init; }
}

/// <summary>Charts as inline pictures: lines, bands for intervals, and each value as the text of its point.</summary>
internal static class ChartSvg
{
    private const double Width = 400, Height = 230, Left = 52, Right = 14, Top = 24, Bottom = 40;
    private const int MostPoints = 400, FewPoints = 60, Colours = 4;
    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    /// <summary>Draws a chart, with a legend below it. What it shows is its label for those who do not see it.</summary>
    public static XElement Of(Chart chart)
    {
        var places = chart.Curves.SelectMany(curve => curve.Points.Select(point => point.At)).Distinct().Order().ToArray();
        var values = chart.Curves.SelectMany(curve => curve.Points.Select(point => point.Value).Concat(curve.Intervals.SelectMany(interval => new[] { interval.Low, interval.High }))).ToArray();
        var across = chart.IsLogarithmic ? Axis.OfFactors(places) : places.All(double.IsInteger) ? Axis.OfSteps(places[0], places[^1]) : Axis.OfValues(places[0], places[^1]);
        var up = Axis.OfValues(values.Min(), values.Max());
        var svg = new XElement(Svg + "svg", new XAttribute("viewBox", Invariant($"0 0 {Width} {Height}")), new XAttribute("role", "img"), new XAttribute("aria-label", Label(chart)), Axes(chart, across, up));
        foreach (var (curve, i) in chart.Curves.Select((curve, i) => (curve, i))) svg.Add(Drawn(curve, i, chart.Across, across, up));
        var legend = chart.Curves.Select((curve, i) => new XElement("span", new XElement("i", new XAttribute("class", Colour(i)), ""), curve.Metric));
        return new XElement("figure", new XElement("figcaption", chart.Title), svg, new XElement("p", new XAttribute("class", "legend"), "", legend));
    }

    private static IEnumerable<XElement> Axes(Chart chart, Axis across, Axis up)
    {
        foreach (var tick in up.Ticks)
        {
            yield return new XElement(Svg + "line", new XAttribute("class", "grid"), At("x1", Left), At("x2", Width - Right), At("y1", Y(up, tick)), At("y2", Y(up, tick)));
            yield return Text(Left - 6, Y(up, tick) + 4, "end", Number(tick));
        }
        foreach (var tick in across.Ticks) yield return Text(X(across, tick), Height - Bottom + 17, "middle", Number(tick));
        yield return Text(4, 12, "start", chart.Unit);
        yield return Text((Left + Width - Right) / 2, Height - 5, "middle", chart.Across);
    }

    private static XElement Drawn(Curve curve, int index, string unit, Axis across, Axis up)
    {
        var group = new XElement(Svg + "g", new XAttribute("class", $"curve {Colour(index)}"), new XAttribute("data-metric", curve.Metric));
        if (curve.Intervals.Count > 1)
        {
            var band = curve.Intervals.Select(interval => (interval.At, interval.Low)).Concat(curve.Intervals.Reverse().Select(interval => (interval.At, interval.High)));
            group.Add(new XElement(Svg + "polygon", Points(band)));
        }
        else if (curve.Intervals is [var only])
        {
            group.Add(new XElement(Svg + "line", new XAttribute("class", "interval"), At("x1", X(across, only.At)), At("x2", X(across, only.At)), At("y1", Y(up, only.Low)), At("y2", Y(up, only.High))));
        }
        var shown = Thinned(curve.Points);
        group.Add(new XElement(Svg + "polyline", Points(shown)));
        foreach (var (at, value) in shown)
            group.Add(new XElement(Svg + "circle", At("cx", X(across, at)), At("cy", Y(up, value)), At("r", shown.Count > FewPoints ? 1 : 2.2), new XElement(Svg + "title", Invariant($"{unit} {at}: {value:R}"))));
        return group;

        XAttribute Points(IEnumerable<(double At, double Value)> points) => new("points", string.Join(' ', points.Select(point => Invariant($"{X(across, point.At):0.0},{Y(up, point.Value):0.0}"))));
    }

    /// <summary>Of a long curve, the least and the greatest value of each of equally many points: no peak is lost, and the file stays small.</summary>
    private static IReadOnlyList<(double At, double Value)> Thinned(IReadOnlyList<(double At, double Value)> points) => points.Count <= MostPoints ? points :
    [
        points[0],
        .. points.Skip(1).SkipLast(1).Chunk((2 * points.Count / MostPoints) + 1).SelectMany(part => ((double At, double Value)[])[part.MinBy(point => point.Value), part.MaxBy(point => point.Value)]).Distinct().OrderBy(point => point.At),
        points[^1],
    ];

    private static string Label(Chart chart) => $"{chart.Title}, {chart.Unit} by {chart.Across}. " + string.Join("; ", chart.Curves.Select(curve =>
        $"{curve.Metric}: {Number(curve.Points[0].Value)} at {Number(curve.Points[0].At)}, {Number(curve.Points[^1].Value)} at {Number(curve.Points[^1].At)}, least {Number(curve.Points.Min(point => point.Value))}, greatest {Number(curve.Points.Max(point => point.Value))}")) + ".";

    private static string Colour(int index) => $"c{index % Colours}";

    private static double X(Axis axis, double at) => Left + ((Width - Left - Right) * axis.Share(at));

    private static double Y(Axis axis, double value) => Top + ((Height - Top - Bottom) * (1 - axis.Share(value)));

    private static XAttribute At(string name, double value) => new(name, Invariant($"{value:0.0}"));

    private static XElement Text(double x, double y, string anchor, string text) => new(Svg + "text", At("x", x), At("y", y), new XAttribute("text-anchor", anchor), text);
}
