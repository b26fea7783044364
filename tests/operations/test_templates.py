"""The templates for schedulers: what they start exists, and what a night leaves is there for the next one."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
TEMPLATES = PROJECT / "config" / "templates"


def test_systemd_accepts_service_and_timer(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze on this machine")
    for name in ("datawarp.service", "datawarp.timer"):
        text = (TEMPLATES / name).read_text()
        (tmp_path / name).write_text(text.replace("/opt/datawarp", str(PROJECT)).replace("User=datawarp\n", ""))
    checked = subprocess.run(
        ["systemd-analyze", "verify", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in checked.stderr.splitlines() if "datawarp" in line]
    assert (checked.returncode, ours) == (0, [])


def test_a_failed_night_on_github_is_kept_for_the_next_one():
    workflow = yaml.load((TEMPLATES / "github-workflow.yml").read_text(), Loader=yaml.BaseLoader)
    steps = workflow["jobs"]["night"]["steps"]
    run = [step["run"] for step in steps if "run" in step]
    assert run == ["make setup", "scripts/cron.sh"]
    assert (PROJECT / run[-1]).stat().st_mode & 0o111
    brought = next(step["with"] for step in steps if step.get("uses", "").startswith("actions/cache/restore@"))
    kept = next(step for step in steps if step.get("uses", "").startswith("actions/cache/save@"))
    assert kept["if"] == "always()"
    assert kept["with"]["path"] == brought["path"]
    assert kept["with"]["key"] == brought["key"]
    assert {"downloads", "manifests", "output", ".datawarp"} <= set(brought["path"].split())
