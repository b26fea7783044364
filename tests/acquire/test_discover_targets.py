"""`snakemake discover` and `snakemake check_updates`, as a person types them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from publisher import Publisher, digital_page, path_of, publication_page, workbook

from datawarp.registry.registry import read_registry

ROOT = Path(__file__).parents[2]


def snakemake(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    done = subprocess.run([*command, "--cores", "2", *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_new_release_is_found_written_downloaded_and_its_revision_noticed(site: Publisher, tmp_path: Path) -> None:
    for number, month in enumerate(["july", "august"]):
        file = site.file(path_of(f"{month}.xlsx"), workbook(number))
        site.page(f"/adhd/{month}-2025", digital_page(f"ADHD, {month}", [file]))
    landing = site.page("/adhd", publication_page("ADHD", [(f"/adhd/{m}-2025", m) for m in ("august", "july")]))
    registry = tmp_path / "config" / "publications.yaml"
    registry.parent.mkdir()
    registry.write_text(
        f"publications:\n  adhd:\n    name: ADHD  # ours\n    landing_page: {landing}\n    urls:\n"
        f"      - {{period: jul25, url: {landing}/july-2025}}\n"
    )
    line = f"      - {{period: aug25, url: {landing}/august-2025}}\n"

    assert line in snakemake(tmp_path, "discover", "--config", "write=true")
    assert registry.read_text().endswith(line)
    assert "# ours" in registry.read_text()
    assert len(read_registry(registry).units()) == 2

    snakemake(tmp_path, "downloads/receipts/adhd/adhd_aug25.json")
    site.file(path_of("august.xlsx"), workbook("revised"))
    told = snakemake(tmp_path, "check_updates", "--config", "pub=adhd")
    assert f"adhd_aug25: changed: {site.url(path_of('august.xlsx'))}" in told
    assert "snakemake refresh_adhd_aug25" in told
