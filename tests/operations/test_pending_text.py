"""What the terminal says before the first job, and which words of a command are targets."""

from datawarp.operations.options import bare_words, is_target
from datawarp.operations.pending import NEW, work_text


def test_units_are_named_by_publication_with_reasons_where_they_are_not_new():
    reasons = {"beds_jan25": NEW, "beds_feb25": NEW, "beds_mar25": "load failed", "gp_practice_2025-w18": NEW}
    assert work_text(reasons, {"gp_practice_2025-w19": "beyond max_units=4"}, 1200) == (
        "4 of 1,200 units to do\n"
        "  beds         jan25, feb25\n"
        "  beds         mar25 (load failed)\n"
        "  gp_practice  2025-w18\n"
        "left for later (beyond max_units=4): gp_practice_2025-w19\n"
    )
    assert work_text(reasons, {}, 1200, "gp_practice") == "1 of 1,200 units to do\n  gp_practice  2025-w18\n"
    assert work_text(reasons, {}, 1200, "beds_feb25") == "1 of 1,200 units to do\n  beds  feb25\n"
    assert work_text({}, {}, 1200) == ""


def test_long_lists_are_cut():
    told = work_text({f"beds_{year}": NEW for year in range(1990, 2020)}, {}, 30)
    assert told.endswith("2000, 2001 and 18 more\n")


def test_targets_are_told_from_values_of_options():
    command = ["/venv/bin/snakemake", "adhd_aug52", "--until", "load", "--scheduler", "greedy", "--config", "pub=adhd"]
    assert bare_words(command[1:]) == ["adhd_aug52", "load", "greedy"]
    assert [word for word in ("adhd_aug52", "load", "greedy") if is_target(word, command)] == ["adhd_aug52"]
    assert not is_target("adhd_aug52", ["/usr/bin/pytest", "adhd_aug52"])
    assert not is_target("x", ["/venv/bin/snakemake", "--no-such-option"])
