"""A picture of a bench's figures: bars of time on a logarithmic scale, as SVG that needs no font of its own and reads in light and dark."""
import html
import math

BAR, GAP, LEFT, WIDTH = 16, 26, 190, 760
COLOURS = {'stead': '#2f7ed8', 'docker': '#8d99a6', 'podman': '#b07aa1', 'cp -a; sync': '#c8963e', 'cp --reflink; sync': '#c8963e', 'chown -R': '#c8963e', 'goal': '#4c9f70'}


def people(ms):
    """A time for people."""
    if ms < 1:
        return f'{ms * 1000:.0f} µs'
    return f'{ms:.1f} ms' if ms < 100 else f'{ms:.0f} ms' if ms < 1000 else f'{ms / 1000:.1f} s'


def draw(title, rows, footnote):
    """rows: [(what, {who: milliseconds})]; answers the SVG's text."""
    times = [ms for _, results in rows for ms in results.values() if ms > 0]
    low, high = math.floor(math.log10(min(times))), math.log10(max(times)) + 0.05
    along = lambda ms: LEFT + (WIDTH - LEFT - 90) * max(0.005, (math.log10(max(ms, 10 ** low)) - low) / (high - low))  # noqa: E731
    out, y = [], 46
    for what, results in rows:
        out.append(f'<text x="12" y="{y + 4}" class="w">{html.escape(what)}</text>')
        y += 14
        for who, ms in results.items():
            x = along(ms)
            out.append(f'<text x="{LEFT - 8}" y="{y + 12}" class="n">{html.escape(who)}</text>'
                       f'<rect x="{LEFT}" y="{y}" width="{x - LEFT:.1f}" height="{BAR}" rx="2" fill="{COLOURS.get(who, "#888")}"/>'
                       f'<text x="{x + 6:.1f}" y="{y + 12}">{people(ms)}</text>')
            y += BAR + 4
        y += GAP - 8
    out.append(f'<text x="12" y="{y + 6}" class="f">{html.escape(footnote)}</text>')
    style = ('text{font:12px system-ui,sans-serif;fill:#24292f}.t{font-size:16px;font-weight:600}.w{font-weight:600}.n{text-anchor:end}.f{font-size:11px;fill:#6e7781}'
             '@media(prefers-color-scheme:dark){text{fill:#e6edf3}.f{fill:#9198a1}}')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 20}" width="{WIDTH}" height="{y + 20}" role="img">'
            f'<title>{html.escape(title)}</title><style>{style}</style><text x="12" y="24" class="t">{html.escape(title)}</text>{"".join(out)}</svg>\n')
