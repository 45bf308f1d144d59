namespace Gram.Host.Reporting;

/// <summary>The look of every report: light and dark as the reader's system is, one column and stacked rows on a phone, dark ink on paper.</summary>
internal static class ReportStyle
{
    public const string Css = """
        :root{color-scheme:light dark;--ground:light-dark(#fff,#0d1117);--ink:light-dark(#1f2328,#e6edf3);--faint:light-dark(#59636e,#9198a1);--line:light-dark(#d1d9e0,#3d444d);--panel:light-dark(#f6f8fa,#151b23);
        --c0:light-dark(#0969da,#58a6ff);--c1:light-dark(#bc4c00,#f0883e);--c2:light-dark(#1a7f37,#3fb950);--c3:light-dark(#8250df,#bc8cff)}
        *{box-sizing:border-box}
        body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--ground);max-width:1320px;margin:0 auto;padding:1.5rem}
        h1{margin:0;font-size:1.6rem;overflow-wrap:anywhere} h2{margin:2.2rem 0 .6rem;font-size:1.15rem} header p,section>p{margin:.2rem 0 .8rem;color:var(--faint);max-width:60rem}
        .pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,340px),1fr));gap:1rem}
        figure{margin:0;background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:.7rem .8rem;break-inside:avoid} figcaption{font-weight:600}
        svg{display:block;width:100%;height:auto} svg text{font-size:12px;fill:var(--faint)}
        .grid{stroke:var(--line)} .c0{--c:var(--c0)} .c1{--c:var(--c1)} .c2{--c:var(--c2)} .c3{--c:var(--c3)}
        .curve polyline{fill:none;stroke:var(--c);stroke-width:1.6} .curve circle{fill:var(--c)} .curve polygon,.bar{fill:var(--c)} .curve polygon{opacity:.18} .curve .interval{stroke:var(--c);stroke-width:1.6}
        .c1 polyline{stroke-dasharray:7 3} .c2 polyline{stroke-dasharray:2 3} .c3 polyline{stroke-dasharray:9 3 2 3} .rule{stroke:var(--faint);stroke-dasharray:5 4}
        .legend{margin:.3rem 0 0;font-size:12.5px;color:var(--faint)} .legend span{display:inline-block;margin-right:1rem} .legend i{display:inline-block;width:1.6em;border-top:3px solid var(--c);vertical-align:middle;margin-right:.4em}
        .legend .c1{border-top-style:dashed} .legend .c2{border-top-style:dotted}
        table{border-collapse:collapse;width:100%} th,td{border-bottom:1px solid var(--line);padding:.35rem .6rem;text-align:left;vertical-align:top} thead th{color:var(--faint);font-weight:600} tbody th{font-weight:400} tbody th:not(.number){min-width:6rem}
        tbody th,td{white-space:pre-wrap;overflow-wrap:anywhere} tbody .number{overflow-wrap:normal} .number{text-align:right;font-variant-numeric:tabular-nums} table:not(:has(thead)){max-width:44rem} table:not(:has(thead)) .number{text-align:left} tr{break-inside:avoid}
        pre{margin:0;white-space:pre-wrap;overflow-wrap:anywhere;background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:.8rem;font-size:13px}
        .text{margin:.3rem 0 0;white-space:pre-wrap;overflow-wrap:anywhere} mark{background:light-dark(#fff1c2,#5a4a12);color:inherit;border-radius:3px} .shown{display:grid;gap:1rem} .reliability{max-width:420px}
        @media (max-width:640px){body{padding:.9rem}
        .stacks,.stacks tbody,.stacks tr,.stacks th,.stacks td{display:block;text-align:left} .stacks thead{display:none} .stacks tr{border-bottom:2px solid var(--line);padding:.4rem 0} .stacks th,.stacks td{border:0;padding:.15rem 0}
        .stacks [data-head]::before{content:attr(data-head) ": ";color:var(--faint)}}
        @media print{:root{color-scheme:light} body{max-width:none;padding:0;font-size:11px} h2{break-after:avoid} pre{font-size:10px} .pictures{grid-template-columns:repeat(2,1fr)}}
        """;
}
