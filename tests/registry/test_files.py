"""Files that take another's place."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from datawarp.files import replacing, side_by_side, write_text


def test_a_replaced_file_keeps_its_mode_and_its_link(tmp_path: Path) -> None:
    kept = tmp_path / "kept" / "registry.yaml"
    write_text(kept, "old")
    kept.chmod(0o600)
    link = tmp_path / "registry.yaml"
    link.symlink_to(kept)

    write_text(link, "new")

    assert link.is_symlink()
    assert kept.read_text() == "new"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_new_file_has_the_mode_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_text(tmp_path / "written", "")
    assert (tmp_path / "written").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_block_that_raises_leaves_the_old_file_alone(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "old")
    with pytest.raises(ValueError, match="half"), replacing(tmp_path / "a") as temporary:
        temporary.write_text("ne")
        raise ValueError("half")
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "old"


def test_files_written_side_by_side_are_all_there_and_an_error_is_told(tmp_path: Path) -> None:
    with side_by_side() as begin:
        for number in range(30):
            begin(write_text, tmp_path / f"{number}.txt", f"{number}")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {f"{n}.txt": f"{n}" for n in range(30)}
    (tmp_path / "folder").write_text("no folder")
    with pytest.raises(FileExistsError), side_by_side() as begin:
        begin(write_text, tmp_path / "folder" / "a", "never there")
        begin(write_text, tmp_path / "after", "there all the same")
    assert (tmp_path / "after").read_text() == "there all the same"
