"""A new socket layer in a copy of the suite, from its first run to its next release."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FILE = "suites/errors/EISCONN.yaml"

LAYER = """\
import sys
from fixtures import agent
real = agent.VERBS["connect"]
def connect(*args, **operands):
    ret = real(*args, **operands)
    return sys.argv[1] if ret == "EISCONN" else ret
agent.VERBS["connect"] = connect
agent.main()
"""


class Ended(NamedTuple):
    code: int
    text: str


class Walk:
    """A copy of the suite, and the commands of a user."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", "__pycache__", "out"))
        (folder / "layer.py").write_text(LAYER)

    def python(self, *arguments: str) -> Ended:
        ended = subprocess.run([sys.executable, *arguments], cwd=self.folder, capture_output=True, text=True,
                               check=False, timeout=120)
        return Ended(ended.returncode, ended.stdout + ended.stderr)

    def layer(self, errno: str, platform: str) -> None:
        """Install a release of the layer that returns this errno, judged by that page."""
        (self.folder / "mine.yaml").write_text(
            f"my-layer:\n  about: a layer of my own\n  start: ['{{python}}', '{self.folder}/layer.py', {errno}]\n"
            f"  environment: {{PYTHONPATH: '{self.folder}'}}\n  platform: {platform}\n")

    def pytest(self, results: str) -> Ended:
        return self.python("-m", "pytest", "-q", FILE, "--targets", "mine.yaml", "--target", "my-layer",
                           "--results", results)

    def reports(self, *arguments: str) -> Ended:
        return self.python("-m", "reports", *arguments)


def test_from_the_first_run_to_the_next_release(tmp_path: Path) -> None:
    walk = Walk(tmp_path / "suite")
    page = walk.folder / "specs" / "platforms" / "my-layer.yaml"

    walk.layer("EINVAL", "linux")
    first = walk.pytest("first.jsonl")
    assert first.code == 1
    assert "= -1 EINVAL, expected EISCONN" in first.text

    issue = walk.reports("findings", "first.jsonl", "--bug", "illumos.EISCONN")
    assert issue.code == 0
    assert issue.text.startswith("# my-layer: connect(client, peer) = -1 EINVAL, expected EISCONN (illumos.EISCONN)\n")
    assert "\nint main(void) {\n" in issue.text

    accepted = walk.reports("accept", "first.jsonl", "--platform", "my-layer", "--inherits", "linux")
    assert accepted.code == 0
    assert re.search(r"my-layer\.yaml: 1 bug in \d+ cases; fill in because and source", accepted.text)

    walk.layer("EINVAL", "my-layer")
    unfinished = walk.pytest("unfinished.jsonl")
    assert unfinished.code == 0
    assert re.search(r"my-layer\.yaml:\d+: no because or source; \d+ bugs of my-layer lack one", unfinished.text)

    page.write_text(page.read_text().replace('because: ""', "because: a second connect() is refused as invalid")
                    .replace('source: ""', "source: layer.py connect()"))
    green = walk.pytest("green.jsonl")
    assert green.code == 0, green.text
    assert "no because or source" not in green.text

    judged = walk.reports("diff", "first.jsonl", "green.jsonl", "--fail-on", "regressed,changed")
    assert judged.code == 0
    assert re.search(r"^my-layer: \d+ judged; ", judged.text, re.MULTILINE)

    walk.layer("EALREADY", "my-layer")
    assert walk.pytest("worse.jsonl").code == 1
    drift = walk.reports("diff", "green.jsonl", "worse.jsonl", "--fail-on", "regressed,changed")
    assert drift.code == 1
    assert "≠ deviates EINVAL -> ✗ fails EALREADY" in drift.text

    walk.layer("EISCONN", "my-layer")
    assert walk.pytest("mended.jsonl").code == 1
    assert "≠ deviates EINVAL -> ! stale" in walk.reports("diff", "green.jsonl", "mended.jsonl").text
    history = walk.reports("history", "first.jsonl", "green.jsonl", "worse.jsonl", "mended.jsonl")
    assert "≠ deviates EINVAL (judged otherwise)" in history.text
