"""The table (Markdown) and the plot (SVG) of a run of the suite."""

import os
import platform
from html import escape

BAR_HEIGHT = 14
BAR_GAP = 26
LABEL_WIDTH = 330
PLOT_WIDTH = 420
MARGIN = 20


def machine():
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    with open("/proc/meminfo", encoding="utf-8") as file:
        memory_gib = int(file.readline().split()[1]) / 2**20
    return (f"{os.cpu_count()} x {model}, {memory_gib:.0f} GiB, Linux {platform.release()}")


def number(value):
    if value is None:
        return ""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def table(rows, title):
    lines = [f"{title}", "", f"Machine: {machine()}", "",
             "| what | value | floor | ratio | limit | |",
             "| --- | ---: | ---: | ---: | --- | --- |"]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        verdict = "" if row.limit is None else ("yes" if row.ok else "**NO**")
        floor = "" if row.floor is None else f"{number(row.floor)} {row.unit}"
        name = row.name + (f" ({row.remark})" if row.remark else "")
        lines.append(f"| {name} | {number(row.value)} {row.unit} | {floor} | {ratio} | {row.rule} "
                     f"| {verdict} |")
    return "\n".join(lines) + "\n"


def bar(y, share, color, text):
    width = max(share * PLOT_WIDTH, 1)
    return (f'<rect x="{LABEL_WIDTH}" y="{y}" width="{width:.1f}" height="{BAR_HEIGHT}" '
            f'fill="{color}"/>'
            f'<text x="{LABEL_WIDTH + width + 6:.1f}" y="{y + BAR_HEIGHT - 3}">'
            f'{escape(text)}</text>')


def plot(rows, title):
    """Bars of the rates beside those of their floors."""
    drawn = [row for row in rows if row.floor and row.unit == "/s"]
    height = MARGIN * 3 + len(drawn) * (2 * BAR_HEIGHT + BAR_GAP)
    largest = max((max(row.value, row.floor) for row in drawn), default=1)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LABEL_WIDTH + PLOT_WIDTH + 130}" '
             f'height="{height}" font-family="sans-serif" font-size="12">',
             '<rect width="100%" height="100%" fill="white"/>',
             f'<text x="{MARGIN}" y="{MARGIN + 4}" font-size="14">{escape(title)}</text>']
    y = MARGIN * 2
    for row in drawn:
        parts.append(f'<text x="{MARGIN}" y="{y + BAR_HEIGHT}">{escape(row.name)}</text>')
        parts.append(bar(y, row.value / largest, "#2b6cb0", f"{number(row.value)}/s"))
        parts.append(bar(y + BAR_HEIGHT + 2, row.floor / largest, "#cbd5e0",
                         f"null server {number(row.floor)}/s"))
        y += 2 * BAR_HEIGHT + BAR_GAP
    parts.append("</svg>")
    return "\n".join(parts) + "\n"
