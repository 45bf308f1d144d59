using System.Globalization;
using System.Xml.Linq;

namespace Gram.Host.Reporting;

/// <summary>A metric's values by step, and the intervals of those that are estimates.</summary>
/// <param name="Metric">Its name.</param>
/// <param name="Points">Step and value, in order.</param>
/// <param name="Intervals">Step, low and high; empty where there are none.</param>
internal sealed record Curve(string Metric, IReadOnlyList<(int Step, double Value)> Points, IReadOnlyList<(int Step, double Low, double High)> Intervals);

/// <summary>Curves as an inline picture: lines, bands for intervals, and each value as the text of its point.</summary>
internal static class CurveSvg
{
    private const double Width = 420, Height = 190, Left = 58, Right = 12, Top = 10, Bottom = 26;
    private static readonly string[] Colours = ["#2563eb", "#d97706", "#059669", "#9333ea"];
    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    /// <summary>Draws curves of one unit into one picture, with a legend below it.</summary>
    public static XElement Of(string title, IReadOnlyList<Curve> curves)
    {
        var values = curves.SelectMany(curve => curve.Points.Select(point => point.Value).Concat(curve.Intervals.SelectMany(interval => new[] { interval.Low, interval.High }))).ToArray();
        var steps = curves.SelectMany(curve => curve.Points.Select(point => point.Step)).ToArray();
        var (low, high, first, last) = (values.Min(), values.Max(), steps.Min(), steps.Max());
        if (high - low < 1e-12) (low, high) = (low - 0.5, high + 0.5);
        var svg = new XElement(Svg + "svg", new XAttribute("viewBox", Text($"0 0 {Width} {Height}")), new XAttribute("role", "img"), new XAttribute("aria-label", title));
        foreach (var value in new[] { low, (low + high) / 2, high })
        {
            svg.Add(new XElement(Svg + "line", new XAttribute("class", "grid"), At("x1", Left), At("x2", Width - Right), At("y1", Y(value)), At("y2", Y(value))));
            svg.Add(Label(Left - 6, Y(value) + 4, "end", Number(value)));
        }
        svg.Add(Label(Left, Height - 8, "start", Text($"step {first}")), Label(Width - Right, Height - 8, "end", Text($"{last}")));
        foreach (var (curve, i) in curves.Select((curve, i) => (curve, i))) Add(svg, curve, Colours[i % Colours.Length]);
        var legend = curves.Select((curve, i) => new XElement("span", new XElement("i", new XAttribute("style", $"background:{Colours[i % Colours.Length]}"), ""), curve.Metric));
        return new XElement("figure", new XElement("figcaption", title), svg, new XElement("p", new XAttribute("class", "legend"), "", legend));

        void Add(XElement to, Curve curve, string colour)
        {
            if (curve.Intervals.Count > 1)
            {
                var band = curve.Intervals.Select(interval => (interval.Step, interval.Low)).Concat(curve.Intervals.Reverse().Select(interval => (interval.Step, interval.High)));
                to.Add(new XElement(Svg + "polygon", new XAttribute("fill", colour), new XAttribute("opacity", "0.15"), Points(band)));
            }
            var points = new XElement(Svg + "g", new XAttribute("data-metric", curve.Metric), new XAttribute("stroke", colour), new XAttribute("fill", colour));
            points.Add(new XElement(Svg + "polyline", new XAttribute("fill", "none"), new XAttribute("stroke-width", "1.5"), Points(curve.Points)));
            foreach (var (step, value) in curve.Points)
                points.Add(new XElement(Svg + "circle", At("cx", X(step)), At("cy", Y(value)), At("r", curve.Points.Count > 60 ? 1 : 2), new XElement(Svg + "title", Text($"step {step}: {value:R}"))));
            to.Add(points);
        }

        double X(int step) => Left + ((Width - Left - Right) * (last == first ? 0.5 : (step - first) / (double)(last - first)));
        double Y(double value) => Top + ((Height - Top - Bottom) * (high - value) / (high - low));
        XAttribute Points(IEnumerable<(int Step, double Value)> points) => new("points", string.Join(' ', points.Select(point => Text($"{X(point.Step):0.0},{Y(point.Value):0.0}"))));
        static XAttribute At(string name, double value) => new(name, Text($"{value:0.0}"));
        static XElement Label(double x, double y, string anchor, string text) => new(Svg + "text", At("x", x), At("y", y), new XAttribute("text-anchor", anchor), text);
    }

    /// <summary>A value as people read it.</summary>
    public static string Number(double value) => value == 0 ? "0" : Math.Abs(value) is >= 1e-3 and < 1e6 ? Text($"{value:0.####}") : Text($"{value:0.##e+0}");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
