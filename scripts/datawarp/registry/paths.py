"""Where everything lies under the folder of a run. The only module that spells these paths."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from datawarp.registry.models import split_unit_name


@dataclass(frozen=True)
class Paths:
    """The files and folders of one installation, all under ``root`` (``--directory`` of the run).

    Methods that take ``unit`` take a unit's name, ``<publication>_<period>``.
    """

    root: Path

    @classmethod
    def here(cls) -> Paths:
        """The installation in the current folder, which is where Snakemake runs its jobs."""
        return cls(Path.cwd())

    def corrections(self, publication: str) -> Path:
        """Known errors of a publication, which a person writes down; kept in version control."""
        return self.root / f"config/corrections/{publication}.yaml"

    # downloads
    @property
    def store(self) -> Path:
        return self.root / "downloads/store"

    @property
    def incoming(self) -> Path:
        """Downloads under way; beside the store, so that a rename takes them in."""
        return self.root / "downloads/incoming"

    @property
    def download_index(self) -> Path:
        return self.root / "downloads/index.json"

    def download_receipt(self, unit: str) -> Path:
        return self.root / f"downloads/receipts/{split_unit_name(unit)[0]}/{unit}.json"

    # manifests
    def pending_manifest(self, unit: str) -> Path:
        return self.root / f"manifests/pending/{split_unit_name(unit)[0]}/{unit}.yaml"

    def enriched_manifest(self, unit: str) -> Path:
        return self.root / f"manifests/active/{split_unit_name(unit)[0]}/{unit}.enriched.yaml"

    def loaded_marker(self, unit: str) -> Path:
        return self.root / f"manifests/active/{split_unit_name(unit)[0]}/{unit}.loaded"

    def decisions(self, publication: str) -> Path:
        """What persons decided about the publication's tables; kept in version control."""
        return self.root / f"manifests/decisions/{publication}.yaml"

    def review(self, unit: str) -> Path:
        return self.root / f"manifests/review/{unit}.yaml"

    @property
    def reference_manifests(self) -> Path:
        return self.root / "manifests/reference"

    # output
    @property
    def output(self) -> Path:
        return self.root / "output"

    def export_receipt(self, unit: str) -> Path:
        return self.output / f"receipts/{split_unit_name(unit)[0]}/{unit}.json"

    def parquet_source(self, source_code: str) -> Path:
        return self.output / f"parquet/{source_code}"

    def parquet(self, source_code: str, canonical_period: str, unit: str) -> Path:
        return self.parquet_source(source_code) / f"period={canonical_period}/{unit}.parquet"

    def source_metadata(self, source_code: str) -> Path:
        return self.output / f"metadata/{source_code}.md"

    @property
    def catalog(self) -> Path:
        return self.output / "catalog.parquet"

    @property
    def datapackage(self) -> Path:
        return self.output / "datapackage.json"

    @property
    def updates(self) -> Path:
        """What `check_updates` found."""
        return self.output / "updates.json"

    @property
    def discovered(self) -> Path:
        """What `discover` found."""
        return self.output / "discovered.json"

    @property
    def versions(self) -> Path:
        return self.output / ".versions"

    @property
    def status_page(self) -> Path:
        return self.output / "status.html"

    def preview_page(self, unit: str) -> Path:
        return self.output / f"preview/{unit}.html"

    @property
    def archive(self) -> Path:
        return self.root / "archive"

    @property
    def backups(self) -> Path:
        return self.archive / "backups"

    def archived_record(self, unit: str) -> Path:
        """Says that a unit is archived and where its files are; a unit that has one is not pending."""
        return self.root / f"manifests/archived/{split_unit_name(unit)[0]}/{unit}.json"

    # what is known of the bucket
    @property
    def sync_state(self) -> Path:
        return self.root / ".sync/sync_state.json"

    @property
    def sync_uploads(self) -> Path:
        """Large uploads under way, one file each."""
        return self.root / ".sync/uploads"

    # what the workflow keeps for itself
    @property
    def private(self) -> Path:
        return self.root / ".datawarp"

    @property
    def hosts(self) -> Path:
        """When each host may be asked again."""
        return self.private / "hosts"

    @property
    def postgres(self) -> Path:
        return self.private / "postgres"

    @property
    def run_record(self) -> Path:
        """What the running workflow set out to do: its id and its pending units."""
        return self.private / "run.json"

    def typed_tables(self, unit: str) -> Path:
        """Tables as the draft stage typed them, one Arrow file each; gone once exported."""
        return self.private / f"tables/{unit}"

    def export_staging(self, unit: str) -> Path:
        """A unit's Parquet files until all of them are verified; on the file system that they go to."""
        return self.output / f".staging/{unit}"

    @property
    def receipts_index(self) -> Path:
        """What the export receipts say, in one file; made again when it is missing."""
        return self.private / "exports/receipts.index"

    def export_lock(self, name: str) -> Path:
        """Held while the files of a source, or the receipt of a unit, change."""
        return self.private / f"exports/{name}.lock"

    def export_journal(self, source_code: str) -> Path:
        """Units whose Parquet is being brought to a new schema; gone once their receipts say so."""
        return self.private / f"exports/{source_code}.json"

    def profile(self, source_code: str, unit: str) -> Path:
        """What one Parquet file holds, column by column; made again when it is missing."""
        return self.private / f"profiles/{source_code}/{unit}.json"

    def failure(self, unit: str) -> Path:
        """Why a unit's last job failed; gone once a stage of that unit ends well."""
        return self.private / f"failures/{unit}.json"

    def working(self, unit: str) -> Path:
        """That a job of the unit runs, or was killed; gone once it ends by itself."""
        return self.private / f"working/{unit}.json"

    def intent(self, unit: str) -> Path:
        """The stages that a run set out to do anew over standing results; gone once they ended well."""
        return self.private / f"intents/{unit}.json"

    def built(self, unit: str) -> Path:
        """Which registry entry the unit was last built with."""
        return self.private / f"built/{unit}.json"

    def refresh_stamps(self, unit: str) -> Path:
        return self.private / f"refresh/{unit}"

    def log(self, stage: str, unit: str) -> Path:
        return self.root / f"logs/{stage}/{unit}.log"

    def relative(self, path: Path) -> str:
        """``path`` relative to the root, with forward slashes, as receipts and manifests write it."""
        return path.relative_to(self.root).as_posix()
