"""What validation found, as a table for people and JSON for programs."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from datawarp.errors import WarehouseError
from datawarp.warehouse.load.drift import SEVERITIES, Severity


@dataclass(frozen=True)
class Finding:
    """One disagreement: which check, about what, how grave, in words, and what to do."""

    check: str
    severity: Severity
    subject: str
    message: str
    hint: str | None = None


@dataclass(frozen=True)
class Report:
    """All checks that ran and all that they found."""

    database: str
    checks: tuple[str, ...]
    findings: list[Finding]

    @property
    def severe(self) -> int:
        """How many findings are severe."""
        return sum(1 for f in self.findings if f.severity == "severe")

    def ordered(self) -> list[Finding]:
        """The gravest first, then by check and subject."""
        return sorted(self.findings, key=lambda f: (-SEVERITIES.index(f.severity), f.check, f.subject, f.message))

    def document(self) -> dict[str, Any]:
        """``output/validation.json``."""
        counts = Counter(f.severity for f in self.findings)
        return {
            "database": self.database,
            "checks": list(self.checks),
            "counts": {severity: counts.get(severity, 0) for severity in SEVERITIES},
            "findings": [asdict(f) for f in self.ordered()],
        }

    def raise_if_severe(self) -> None:
        """Raise :class:`WarehouseError` when a finding is severe, so that the command fails."""
        if self.severe:
            raise WarehouseError(
                f"{self.severe} severe finding(s)", where="output/validation.json", hint="each says what to do"
            )

    def summary(self) -> str:
        """One line."""
        if not self.findings:
            return f"{len(self.checks)} checks, nothing found"
        counts = Counter(f.severity for f in self.findings)
        return f"{len(self.checks)} checks: " + ", ".join(f"{counts[s]} {s}" for s in reversed(SEVERITIES) if counts[s])

    def told(self, width: int = 140) -> str:
        """The findings as a table."""
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        console = Console(width=width, record=True, file=io.StringIO(), color_system=None)
        if self.findings:
            table = Table("severity", "check", "subject", "finding", "what to do", box=None, pad_edge=False)
            for finding in self.ordered():
                cells = (finding.severity, finding.check, finding.subject, finding.message, finding.hint or "")
                table.add_row(*(Text(cell) for cell in cells))  # data, never markup
            console.print(table)
        console.print(Text(self.summary()))
        return console.export_text().rstrip()
