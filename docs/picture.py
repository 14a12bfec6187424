"""Draws docs/report.svg, the picture in the README, from a run: python docs/picture.py runs/digits-001"""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich.console import Console

import hptune
from hptune.analysis.summary import summarize
from hptune.report.terminal import print_report

console = Console(width=132, record=True, file=io.StringIO(), force_terminal=True, highlight=False)
print_report(console, summarize(hptune.load(sys.argv[1]), top=5))
picture = console.export_svg(title=f"hptune report {Path(sys.argv[1]).name}")
# the picture must not fetch a font from elsewhere
picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
Path(__file__).with_name("report.svg").write_text(picture, encoding="utf-8")
