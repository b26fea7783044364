"""What enrichment asked of models and of persons, put into the registry with the load of its unit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from datawarp.enrich.calls import read_calls
from datawarp.enrich.review import ReviewItem, read_review
from datawarp.registry.models import Unit
from datawarp.registry.paths import Paths

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - the class is named so there

_CALL = """
INSERT INTO datawarp.tbl_enrichment_runs (
    unit, publication, canonical_period, source_code, layer, provider, model, prompt_version, prompt_sha256,
    prompt_tokens, completion_tokens, cost, currency, seconds, attempts, cached, outcome, error, answer, started_at)
SELECT %(unit)s, %(publication)s, %(period)s, %(source_code)s, %(layer)s, %(provider)s, %(model)s,
    %(prompt_version)s, %(prompt_sha256)s, %(prompt_tokens)s, %(completion_tokens)s, %(cost)s, %(currency)s,
    %(seconds)s, %(attempts)s, %(cached)s, %(outcome)s, %(error)s, %(answer)s, %(started_at)s
WHERE NOT EXISTS (
    SELECT FROM datawarp.tbl_enrichment_runs WHERE unit = %(unit)s AND layer = %(layer)s
    AND prompt_sha256 = %(prompt_sha256)s AND started_at = %(started_at)s AND cached = %(cached)s)
"""

_ITEM = """
INSERT INTO datawarp.tbl_review_items (
    unit, publication, canonical_period, source_code, file_id, kind, question, proposal, alternatives, evidence,
    confidence, state, decided_by, decided_at, note)
VALUES (%(unit)s, %(publication)s, %(period)s, %(source)s, %(file_id)s, %(kind)s, %(question)s, %(proposal)s,
    %(alternatives)s, %(evidence)s, %(confidence)s, %(state)s, %(decided_by)s, %(decided_at)s, %(note)s)
ON CONFLICT (unit, file_id, kind) DO UPDATE SET source_code = excluded.source_code, question = excluded.question,
    proposal = excluded.proposal, alternatives = excluded.alternatives, evidence = excluded.evidence,
    confidence = excluded.confidence, state = excluded.state, decided_by = excluded.decided_by,
    decided_at = excluded.decided_at, note = excluded.note
"""


def record_calls(cursor: Cursor, unit: Unit, paths: Paths) -> None:
    """The calls of layers for ``unit``, each once however often the unit is loaded."""
    for call in read_calls(paths, unit.name):
        answer = None if call.get("answer") is None else json.dumps(call["answer"])
        cursor.execute(_CALL, {**call, **_who(unit), "answer": answer})


def record_review(cursor: Cursor, unit: Unit, paths: Paths) -> None:
    """The questions about ``unit`` as its review file has them; open ones that are asked no more are superseded."""
    review = read_review(paths.review(unit.name))
    rows = [_row(unit, item) for item in review.items] if review else []
    for row in rows:
        cursor.execute(_ITEM, row)
    cursor.execute(
        "UPDATE datawarp.tbl_review_items SET state = 'superseded' WHERE unit = %s AND state = 'open' "
        "AND NOT (file_id || ' ' || kind = ANY(%s))",
        (unit.name, [f"{r['file_id']} {r['kind']}" for r in rows]),
    )


def _row(unit: Unit, item: ReviewItem) -> dict[str, Any]:
    # The key of the table is unit, file and kind: what is asked about a word is told apart by its kind.
    kind = item.kind if item.kind == "match" else f"meaning of {item.source}.{item.column or ''}.{item.field}"
    return {
        **_who(unit),
        "source": item.source,
        "file_id": item.file_id or "",
        "kind": kind,
        "question": item.question,
        "proposal": json.dumps(item.proposal),
        "alternatives": json.dumps(item.alternatives),
        "evidence": json.dumps(item.evidence),
        "confidence": item.confidence,
        "state": item.state,
        "decided_by": item.decided_by,
        "decided_at": item.decided_at,
        "note": item.note,
    }


def _who(unit: Unit) -> dict[str, str]:
    return {"unit": unit.name, "publication": unit.publication, "period": unit.when.canonical}
