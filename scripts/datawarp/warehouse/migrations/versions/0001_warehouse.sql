CREATE SCHEMA IF NOT EXISTS staging;
COMMENT ON SCHEMA datawarp IS 'Registry and audit of the warehouse.';
COMMENT ON SCHEMA staging IS 'The data: one table per source, all periods together.';

CREATE TABLE datawarp.tbl_identity (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    database_id uuid NOT NULL DEFAULT gen_random_uuid(),
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE datawarp.tbl_identity IS 'Which database this is: markers and receipts name it, so that a wiped or switched database is noticed.';
COMMENT ON COLUMN datawarp.tbl_identity.only_row IS 'Keeps the table at one row.';
COMMENT ON COLUMN datawarp.tbl_identity.database_id IS 'Random at the first migration; a restored backup keeps it.';
COMMENT ON COLUMN datawarp.tbl_identity.created_at IS 'When the schema was first made.';
INSERT INTO datawarp.tbl_identity DEFAULT VALUES;

CREATE TABLE datawarp.tbl_canonical_sources (
    source_code text PRIMARY KEY,
    publication text NOT NULL,
    name text NOT NULL,
    description text,
    record_type text,
    granularity text,
    measures text[] NOT NULL DEFAULT '{}',
    dimensions text[] NOT NULL DEFAULT '{}',
    tags text[] NOT NULL DEFAULT '{}',
    described_by_period text,
    described_as_of date,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE datawarp.tbl_canonical_sources IS 'What a source is, over all its periods: its meaning as the newest enriched manifest gives it.';
COMMENT ON COLUMN datawarp.tbl_canonical_sources.source_code IS 'Canonical code: no period and no file name in it.';
COMMENT ON COLUMN datawarp.tbl_canonical_sources.publication IS 'Code of the publication that the source belongs to.';
COMMENT ON COLUMN datawarp.tbl_canonical_sources.name IS 'Title for people.';
COMMENT ON COLUMN datawarp.tbl_canonical_sources.description IS 'What the table says, in a sentence or two.';
COMMENT ON COLUMN datawarp.tbl_canonical_sources.record_type IS 'What one row is.';
COMMENT ON COLUMN datawarp.tbl_canonical_sources.granularity IS 'The level that a row describes, such as organisation by month.';
COMMENT ON COLUMN datawarp.tbl_canonical_sources.measures IS 'Columns that are measured.';
COMMENT ON COLUMN datawarp.tbl_canonical_sources.dimensions IS 'Columns that the measures are broken down by.';
COMMENT ON COLUMN datawarp.tbl_canonical_sources.tags IS 'Words to find it by.';
COMMENT ON COLUMN datawarp.tbl_canonical_sources.described_by_period IS 'Canonical period of the manifest that this description is from.';
COMMENT ON COLUMN datawarp.tbl_canonical_sources.described_as_of IS 'Last day of that period: a manifest of an earlier period does not overwrite the description.';
COMMENT ON COLUMN datawarp.tbl_canonical_sources.created_at IS 'When the source was first loaded.';
COMMENT ON COLUMN datawarp.tbl_canonical_sources.updated_at IS 'When its description last changed.';

CREATE TABLE datawarp.tbl_data_sources (
    source_code text PRIMARY KEY REFERENCES datawarp.tbl_canonical_sources ON DELETE CASCADE ON UPDATE CASCADE,
    publication text NOT NULL,
    table_name text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON datawarp.tbl_data_sources (publication);
COMMENT ON TABLE datawarp.tbl_data_sources IS 'Which staging table holds a source. Deleting a row drops that table.';
COMMENT ON COLUMN datawarp.tbl_data_sources.source_code IS 'The canonical source.';
COMMENT ON COLUMN datawarp.tbl_data_sources.publication IS 'Code of its publication.';
COMMENT ON COLUMN datawarp.tbl_data_sources.table_name IS 'Its table in schema staging.';
COMMENT ON COLUMN datawarp.tbl_data_sources.created_at IS 'When the table was made.';
COMMENT ON COLUMN datawarp.tbl_data_sources.updated_at IS 'When rows or columns of the table last changed.';

CREATE FUNCTION datawarp.fn_drop_staging_table() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('DROP TABLE IF EXISTS staging.%I', OLD.table_name);
    RETURN OLD;
END $$;
CREATE TRIGGER trg_drop_staging_table AFTER DELETE ON datawarp.tbl_data_sources
    FOR EACH ROW EXECUTE FUNCTION datawarp.fn_drop_staging_table();

CREATE SEQUENCE datawarp.seq_load_id AS integer;

CREATE TABLE datawarp.tbl_load_history (
    history_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    load_id integer NOT NULL,
    unit text NOT NULL,
    publication text NOT NULL,
    period text NOT NULL,
    canonical_period text NOT NULL,
    period_start date NOT NULL,
    period_end date NOT NULL,
    source_code text NOT NULL REFERENCES datawarp.tbl_data_sources ON DELETE CASCADE ON UPDATE CASCADE,
    table_name text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('loaded', 'unchanged', 'removed')),
    is_current boolean NOT NULL,
    body_rows bigint NOT NULL,
    rows_loaded bigint NOT NULL,
    rows_replaced bigint NOT NULL,
    columns jsonb NOT NULL,
    content_checksum text NOT NULL,
    manifest_sha256 text NOT NULL,
    contract_version text NOT NULL,
    corrections_version text,
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seconds double precision NOT NULL
);
CREATE UNIQUE INDEX load_history_current ON datawarp.tbl_load_history (source_code, unit) WHERE is_current;
CREATE INDEX ON datawarp.tbl_load_history (unit);
CREATE INDEX ON datawarp.tbl_load_history (load_id);
COMMENT ON TABLE datawarp.tbl_load_history IS 'Every load of a unit, one row per source. The rows with is_current say what the staging tables hold now.';
COMMENT ON COLUMN datawarp.tbl_load_history.history_id IS 'Key.';
COMMENT ON COLUMN datawarp.tbl_load_history.load_id IS 'One number per transaction; the rows of the staging tables carry it as _load_id.';
COMMENT ON COLUMN datawarp.tbl_load_history.unit IS 'Publication and period as written in the registry: adhd_aug25.';
COMMENT ON COLUMN datawarp.tbl_load_history.publication IS 'Code of the publication.';
COMMENT ON COLUMN datawarp.tbl_load_history.period IS 'Period code as written in the registry.';
COMMENT ON COLUMN datawarp.tbl_load_history.canonical_period IS 'The period as rows carry it in _period.';
COMMENT ON COLUMN datawarp.tbl_load_history.period_start IS 'First day of the period.';
COMMENT ON COLUMN datawarp.tbl_load_history.period_end IS 'Last day of the period.';
COMMENT ON COLUMN datawarp.tbl_load_history.source_code IS 'The source.';
COMMENT ON COLUMN datawarp.tbl_load_history.table_name IS 'Its staging table.';
COMMENT ON COLUMN datawarp.tbl_load_history.outcome IS 'loaded; unchanged (the same content was there, rows were left alone); removed (the unit no longer has this source).';
COMMENT ON COLUMN datawarp.tbl_load_history.is_current IS 'Whether this is the unit''s standing load of the source.';
COMMENT ON COLUMN datawarp.tbl_load_history.body_rows IS 'Body rows on the sheets; fewer than rows_loaded for a table stored long.';
COMMENT ON COLUMN datawarp.tbl_load_history.rows_loaded IS 'Rows of the unit in the table after the load.';
COMMENT ON COLUMN datawarp.tbl_load_history.rows_replaced IS 'Rows of the period that the load deleted.';
COMMENT ON COLUMN datawarp.tbl_load_history.columns IS 'Columns as delivered: name, type, rows with a value, markers, header.';
COMMENT ON COLUMN datawarp.tbl_load_history.content_checksum IS 'SHA-256 over the typed rows as loaded, corrections included.';
COMMENT ON COLUMN datawarp.tbl_load_history.manifest_sha256 IS 'SHA-256 of the enriched manifest.';
COMMENT ON COLUMN datawarp.tbl_load_history.contract_version IS 'Hash of the contract that the load was held to.';
COMMENT ON COLUMN datawarp.tbl_load_history.corrections_version IS 'Hash of the corrections that were applied; null without any.';
COMMENT ON COLUMN datawarp.tbl_load_history.started_at IS 'When the load began.';
COMMENT ON COLUMN datawarp.tbl_load_history.finished_at IS 'When this source was done.';
COMMENT ON COLUMN datawarp.tbl_load_history.seconds IS 'Time spent on this source, waiting for locks included.';

CREATE TABLE datawarp.tbl_manifest_files (
    manifest_file_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    unit text NOT NULL,
    source_code text NOT NULL REFERENCES datawarp.tbl_canonical_sources ON DELETE CASCADE ON UPDATE CASCADE,
    file_id text NOT NULL,
    url text NOT NULL,
    filename text NOT NULL,
    sha256 text NOT NULL,
    member text,
    sheet text,
    reader text,
    layout jsonb,
    columns jsonb NOT NULL,
    sheet_rows bigint,
    header_rows bigint,
    body_rows bigint,
    blank_rows bigint,
    footnote_rows bigint,
    excluded_rows bigint,
    other_table_rows bigint,
    rows_loaded bigint NOT NULL,
    excluded jsonb NOT NULL DEFAULT '[]',
    load_id integer NOT NULL,
    first_loaded_at timestamptz NOT NULL DEFAULT now(),
    superseded_at timestamptz,
    UNIQUE (unit, source_code, file_id)
);
CREATE INDEX ON datawarp.tbl_manifest_files (source_code);
CREATE INDEX ON datawarp.tbl_manifest_files (sha256);
COMMENT ON TABLE datawarp.tbl_manifest_files IS 'Lineage: each table of each file that was loaded, once; rows refer to it by _manifest_file_id.';
COMMENT ON COLUMN datawarp.tbl_manifest_files.manifest_file_id IS 'What _manifest_file_id in the staging tables holds.';
COMMENT ON COLUMN datawarp.tbl_manifest_files.unit IS 'The unit whose manifest names it.';
COMMENT ON COLUMN datawarp.tbl_manifest_files.source_code IS 'The source that it feeds.';
COMMENT ON COLUMN datawarp.tbl_manifest_files.file_id IS 'The manifest''s file id: sha256[:12]:member!sheet#nth table.';
COMMENT ON COLUMN datawarp.tbl_manifest_files.url IS 'Where the file was downloaded from.';
COMMENT ON COLUMN datawarp.tbl_manifest_files.filename IS 'Its name there.';
COMMENT ON COLUMN datawarp.tbl_manifest_files.sha256 IS 'Hash of its bytes, which are in downloads/store.';
COMMENT ON COLUMN datawarp.tbl_manifest_files.member IS 'Path inside a ZIP.';
COMMENT ON COLUMN datawarp.tbl_manifest_files.sheet IS 'Sheet; null for CSV.';
COMMENT ON COLUMN datawarp.tbl_manifest_files.reader IS 'Which reader read it.';
COMMENT ON COLUMN datawarp.tbl_manifest_files.layout IS 'Where the table lies on the sheet, as the manifest says it.';
COMMENT ON COLUMN datawarp.tbl_manifest_files.columns IS 'Its columns as the manifest says them: letter, header, name, type, markers.';
COMMENT ON COLUMN datawarp.tbl_manifest_files.sheet_rows IS 'Rows on the sheet: the sum of the next six, checked at load.';
COMMENT ON COLUMN datawarp.tbl_manifest_files.header_rows IS 'Rows of the header.';
COMMENT ON COLUMN datawarp.tbl_manifest_files.body_rows IS 'Body rows: all of them were loaded.';
COMMENT ON COLUMN datawarp.tbl_manifest_files.blank_rows IS 'Blank rows.';
COMMENT ON COLUMN datawarp.tbl_manifest_files.footnote_rows IS 'Rows of footnotes.';
COMMENT ON COLUMN datawarp.tbl_manifest_files.excluded_rows IS 'Rows left out, each with a reason in excluded.';
COMMENT ON COLUMN datawarp.tbl_manifest_files.other_table_rows IS 'Rows that belong to other tables of the sheet alone.';
COMMENT ON COLUMN datawarp.tbl_manifest_files.rows_loaded IS 'Rows in the staging table: the body rows, or body rows by period for a table stored long.';
COMMENT ON COLUMN datawarp.tbl_manifest_files.excluded IS 'Which rows were left out, and why.';
COMMENT ON COLUMN datawarp.tbl_manifest_files.load_id IS 'The load that last wrote its rows.';
COMMENT ON COLUMN datawarp.tbl_manifest_files.first_loaded_at IS 'When it was first loaded.';
COMMENT ON COLUMN datawarp.tbl_manifest_files.superseded_at IS 'Since when its rows are no longer in the table: a newer file took its place.';

CREATE TABLE datawarp.tbl_source_mappings (
    mapping_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    unit text NOT NULL,
    publication text NOT NULL,
    canonical_period text NOT NULL,
    file_id text NOT NULL,
    sheet text,
    title text,
    source_code text NOT NULL REFERENCES datawarp.tbl_canonical_sources ON DELETE CASCADE ON UPDATE CASCADE,
    method text,
    layers text[] NOT NULL DEFAULT '{}',
    agreement double precision,
    confidence double precision,
    needs_review boolean NOT NULL DEFAULT false,
    reasons text[] NOT NULL DEFAULT '{}',
    decided_by text,
    mapped_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (unit, file_id)
);
CREATE INDEX ON datawarp.tbl_source_mappings (source_code);
COMMENT ON TABLE datawarp.tbl_source_mappings IS 'Which canonical source each table of each unit was matched to, how, and how sure that is.';
COMMENT ON COLUMN datawarp.tbl_source_mappings.mapping_id IS 'Key.';
COMMENT ON COLUMN datawarp.tbl_source_mappings.unit IS 'The unit.';
COMMENT ON COLUMN datawarp.tbl_source_mappings.publication IS 'Code of its publication.';
COMMENT ON COLUMN datawarp.tbl_source_mappings.canonical_period IS 'Its period.';
COMMENT ON COLUMN datawarp.tbl_source_mappings.file_id IS 'The manifest''s id of the table.';
COMMENT ON COLUMN datawarp.tbl_source_mappings.sheet IS 'Sheet it was found on.';
COMMENT ON COLUMN datawarp.tbl_source_mappings.title IS 'Title printed above it.';
COMMENT ON COLUMN datawarp.tbl_source_mappings.source_code IS 'The canonical source it was matched to.';
COMMENT ON COLUMN datawarp.tbl_source_mappings.method IS 'reference, llm, rules or person.';
COMMENT ON COLUMN datawarp.tbl_source_mappings.layers IS 'The layers of enrichment that took part.';
COMMENT ON COLUMN datawarp.tbl_source_mappings.agreement IS 'Share of the layers that agreed.';
COMMENT ON COLUMN datawarp.tbl_source_mappings.confidence IS 'From 0 to 1.';
COMMENT ON COLUMN datawarp.tbl_source_mappings.needs_review IS 'Whether a person should look.';
COMMENT ON COLUMN datawarp.tbl_source_mappings.reasons IS 'Why it was matched so.';
COMMENT ON COLUMN datawarp.tbl_source_mappings.decided_by IS 'Who approved or changed it.';
COMMENT ON COLUMN datawarp.tbl_source_mappings.mapped_at IS 'When the unit was loaded with this mapping.';

CREATE TABLE datawarp.tbl_column_metadata (
    source_code text NOT NULL REFERENCES datawarp.tbl_canonical_sources ON DELETE CASCADE ON UPDATE CASCADE,
    column_name text NOT NULL,
    data_type text NOT NULL,
    position integer NOT NULL,
    original_name text,
    semantic_name text,
    description text,
    unit text,
    is_dimension boolean,
    is_measure boolean,
    query_keywords text[] NOT NULL DEFAULT '{}',
    first_period text,
    first_period_start date,
    last_period text,
    last_period_start date,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source_code, column_name)
);
COMMENT ON TABLE datawarp.tbl_column_metadata IS 'The columns of each source: type as stored, meaning as the newest period gives it.';
COMMENT ON COLUMN datawarp.tbl_column_metadata.source_code IS 'The source.';
COMMENT ON COLUMN datawarp.tbl_column_metadata.column_name IS 'Physical name in the staging table.';
COMMENT ON COLUMN datawarp.tbl_column_metadata.data_type IS 'PostgreSQL type as stored now.';
COMMENT ON COLUMN datawarp.tbl_column_metadata.position IS 'Place in the newest period''s table, from 1.';
COMMENT ON COLUMN datawarp.tbl_column_metadata.original_name IS 'Header as printed in the newest period.';
COMMENT ON COLUMN datawarp.tbl_column_metadata.semantic_name IS 'What the column would best be called.';
COMMENT ON COLUMN datawarp.tbl_column_metadata.description IS 'What it says.';
COMMENT ON COLUMN datawarp.tbl_column_metadata.unit IS 'Unit of measurement.';
COMMENT ON COLUMN datawarp.tbl_column_metadata.is_dimension IS 'Whether measures are broken down by it.';
COMMENT ON COLUMN datawarp.tbl_column_metadata.is_measure IS 'Whether it is measured.';
COMMENT ON COLUMN datawarp.tbl_column_metadata.query_keywords IS 'Words that people ask for it with.';
COMMENT ON COLUMN datawarp.tbl_column_metadata.first_period IS 'Earliest loaded period that has it.';
COMMENT ON COLUMN datawarp.tbl_column_metadata.first_period_start IS 'First day of that period.';
COMMENT ON COLUMN datawarp.tbl_column_metadata.last_period IS 'Latest loaded period that has it: earlier than the source''s latest when it vanished.';
COMMENT ON COLUMN datawarp.tbl_column_metadata.last_period_start IS 'First day of that period.';
COMMENT ON COLUMN datawarp.tbl_column_metadata.updated_at IS 'When this row last changed.';

CREATE TABLE datawarp.tbl_drift_events (
    event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    load_id integer NOT NULL,
    unit text NOT NULL,
    publication text NOT NULL,
    canonical_period text NOT NULL,
    against_period text,
    source_code text REFERENCES datawarp.tbl_canonical_sources ON DELETE CASCADE ON UPDATE CASCADE,
    subject text NOT NULL,
    column_name text,
    kind text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('info', 'warning', 'severe')),
    message text NOT NULL,
    expected text,
    found text,
    details jsonb NOT NULL DEFAULT '{}',
    seen_at timestamptz NOT NULL DEFAULT now(),
    resolved_by text,
    resolved_at timestamptz,
    resolution text
);
CREATE INDEX ON datawarp.tbl_drift_events (unit);
CREATE INDEX ON datawarp.tbl_drift_events (source_code);
COMMENT ON TABLE datawarp.tbl_drift_events IS 'What changed from one period of a source to the next, as seen when it was loaded.';
COMMENT ON COLUMN datawarp.tbl_drift_events.event_id IS 'Key.';
COMMENT ON COLUMN datawarp.tbl_drift_events.load_id IS 'The load that saw it.';
COMMENT ON COLUMN datawarp.tbl_drift_events.unit IS 'The unit that was loaded.';
COMMENT ON COLUMN datawarp.tbl_drift_events.publication IS 'Code of its publication.';
COMMENT ON COLUMN datawarp.tbl_drift_events.canonical_period IS 'Its period.';
COMMENT ON COLUMN datawarp.tbl_drift_events.against_period IS 'The earlier period that it was compared with.';
COMMENT ON COLUMN datawarp.tbl_drift_events.source_code IS 'The source; null for a table that was left out.';
COMMENT ON COLUMN datawarp.tbl_drift_events.subject IS 'Code of the source that the event is about, loaded or not.';
COMMENT ON COLUMN datawarp.tbl_drift_events.column_name IS 'The column, for events about one.';
COMMENT ON COLUMN datawarp.tbl_drift_events.kind IS 'source_added source_vanished column_added column_vanished column_renamed type_changed rows_changed markers_new between periods; source_removed source_left_out column_left_out type_widened type_kept unit_renamed in one load.';
COMMENT ON COLUMN datawarp.tbl_drift_events.severity IS 'info, warning or severe.';
COMMENT ON COLUMN datawarp.tbl_drift_events.message IS 'The event in words.';
COMMENT ON COLUMN datawarp.tbl_drift_events.expected IS 'What the earlier period had.';
COMMENT ON COLUMN datawarp.tbl_drift_events.found IS 'What this one has.';
COMMENT ON COLUMN datawarp.tbl_drift_events.details IS 'Figures behind the words.';
COMMENT ON COLUMN datawarp.tbl_drift_events.seen_at IS 'When it was seen.';
COMMENT ON COLUMN datawarp.tbl_drift_events.resolved_by IS 'Who dealt with it.';
COMMENT ON COLUMN datawarp.tbl_drift_events.resolved_at IS 'When.';
COMMENT ON COLUMN datawarp.tbl_drift_events.resolution IS 'What was decided.';

CREATE TABLE datawarp.tbl_corrections (
    correction_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    load_id integer NOT NULL,
    unit text NOT NULL,
    source_code text NOT NULL REFERENCES datawarp.tbl_canonical_sources ON DELETE CASCADE ON UPDATE CASCADE,
    canonical_period text NOT NULL,
    manifest_file_id integer NOT NULL REFERENCES datawarp.tbl_manifest_files ON DELETE CASCADE,
    source_row integer NOT NULL,
    column_name text NOT NULL,
    old_value text,
    new_value text,
    reason text NOT NULL,
    reported_by text,
    corrected_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON datawarp.tbl_corrections (source_code, canonical_period);
COMMENT ON TABLE datawarp.tbl_corrections IS 'Lineage of values that differ from what was published: each corrected cell that is in the warehouse now.';
COMMENT ON COLUMN datawarp.tbl_corrections.correction_id IS 'Key.';
COMMENT ON COLUMN datawarp.tbl_corrections.load_id IS 'The load that applied it.';
COMMENT ON COLUMN datawarp.tbl_corrections.unit IS 'The unit.';
COMMENT ON COLUMN datawarp.tbl_corrections.source_code IS 'The source.';
COMMENT ON COLUMN datawarp.tbl_corrections.canonical_period IS 'The period.';
COMMENT ON COLUMN datawarp.tbl_corrections.manifest_file_id IS 'File, sheet and table of the cell.';
COMMENT ON COLUMN datawarp.tbl_corrections.source_row IS 'Its sheet row, from 1.';
COMMENT ON COLUMN datawarp.tbl_corrections.column_name IS 'Its column.';
COMMENT ON COLUMN datawarp.tbl_corrections.old_value IS 'As published; null for an empty cell.';
COMMENT ON COLUMN datawarp.tbl_corrections.new_value IS 'As loaded.';
COMMENT ON COLUMN datawarp.tbl_corrections.reason IS 'Why, out of config/corrections.';
COMMENT ON COLUMN datawarp.tbl_corrections.reported_by IS 'Who found the error.';
COMMENT ON COLUMN datawarp.tbl_corrections.corrected_at IS 'When it was loaded so.';

CREATE TABLE datawarp.tbl_refresh_events (
    event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    unit text NOT NULL,
    publication text NOT NULL,
    period text NOT NULL,
    run_id text,
    requested_by text,
    reason text,
    outcome text NOT NULL CHECK (outcome IN ('started', 'done', 'unchanged', 'failed')),
    failed_stage text,
    error text,
    rows_before bigint,
    rows_after bigint,
    counts_before jsonb NOT NULL DEFAULT '{}',
    counts_after jsonb NOT NULL DEFAULT '{}',
    files_before jsonb NOT NULL DEFAULT '[]',
    files_after jsonb NOT NULL DEFAULT '[]',
    archived_to text,
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE INDEX ON datawarp.tbl_refresh_events (unit);
COMMENT ON TABLE datawarp.tbl_refresh_events IS 'Each time a unit was fetched and built anew: why, by whom, and what changed.';
COMMENT ON COLUMN datawarp.tbl_refresh_events.event_id IS 'Key.';
COMMENT ON COLUMN datawarp.tbl_refresh_events.unit IS 'The unit.';
COMMENT ON COLUMN datawarp.tbl_refresh_events.publication IS 'Code of its publication.';
COMMENT ON COLUMN datawarp.tbl_refresh_events.period IS 'Period code as written in the registry.';
COMMENT ON COLUMN datawarp.tbl_refresh_events.run_id IS 'The run that did it.';
COMMENT ON COLUMN datawarp.tbl_refresh_events.requested_by IS 'Who asked for it.';
COMMENT ON COLUMN datawarp.tbl_refresh_events.reason IS 'Why.';
COMMENT ON COLUMN datawarp.tbl_refresh_events.outcome IS 'started, done, unchanged or failed.';
COMMENT ON COLUMN datawarp.tbl_refresh_events.failed_stage IS 'The stage that failed.';
COMMENT ON COLUMN datawarp.tbl_refresh_events.error IS 'What it said.';
COMMENT ON COLUMN datawarp.tbl_refresh_events.rows_before IS 'Rows of the unit before.';
COMMENT ON COLUMN datawarp.tbl_refresh_events.rows_after IS 'Rows of the unit after.';
COMMENT ON COLUMN datawarp.tbl_refresh_events.counts_before IS 'Rows by source before.';
COMMENT ON COLUMN datawarp.tbl_refresh_events.counts_after IS 'Rows by source after.';
COMMENT ON COLUMN datawarp.tbl_refresh_events.files_before IS 'Files with their hashes before.';
COMMENT ON COLUMN datawarp.tbl_refresh_events.files_after IS 'Files with their hashes after.';
COMMENT ON COLUMN datawarp.tbl_refresh_events.archived_to IS 'Where the old manifest and Parquet went.';
COMMENT ON COLUMN datawarp.tbl_refresh_events.started_at IS 'When it began.';
COMMENT ON COLUMN datawarp.tbl_refresh_events.finished_at IS 'When it ended.';

CREATE TABLE datawarp.tbl_retention_policy (
    policy_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    position integer NOT NULL UNIQUE,
    pattern text NOT NULL,
    keep_periods integer CHECK (keep_periods >= 1),
    keep_days integer CHECK (keep_days >= 0),
    destination text NOT NULL DEFAULT 'archive',
    purge_db boolean NOT NULL DEFAULT false,
    delete_after integer CHECK (delete_after >= 0),
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE datawarp.tbl_retention_policy IS 'How long what stays in use, as config/retention.yaml said when it was last applied; the first rule that fits counts.';
COMMENT ON COLUMN datawarp.tbl_retention_policy.policy_id IS 'Key.';
COMMENT ON COLUMN datawarp.tbl_retention_policy.position IS 'Place among the rules, from 1.';
COMMENT ON COLUMN datawarp.tbl_retention_policy.pattern IS 'Shell pattern on publication codes.';
COMMENT ON COLUMN datawarp.tbl_retention_policy.keep_periods IS 'Newest periods that stay in use.';
COMMENT ON COLUMN datawarp.tbl_retention_policy.keep_days IS 'Days after a period''s end that it stays in use.';
COMMENT ON COLUMN datawarp.tbl_retention_policy.destination IS 'archive, or a bucket.';
COMMENT ON COLUMN datawarp.tbl_retention_policy.purge_db IS 'Whether archived periods leave the database as well.';
COMMENT ON COLUMN datawarp.tbl_retention_policy.delete_after IS 'Days after which archived files leave this disk, once the bucket verifiably has them.';
COMMENT ON COLUMN datawarp.tbl_retention_policy.updated_at IS 'When the policy was applied.';

CREATE TABLE datawarp.tbl_enrichment_runs (
    run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    unit text NOT NULL,
    publication text NOT NULL,
    canonical_period text,
    source_code text,
    layer text NOT NULL,
    provider text,
    model text,
    prompt_version text,
    prompt_sha256 text,
    prompt_tokens integer,
    completion_tokens integer,
    cost numeric(14, 6),
    currency text,
    seconds double precision,
    attempts integer NOT NULL DEFAULT 1,
    cached boolean NOT NULL DEFAULT false,
    outcome text NOT NULL,
    error text,
    confidence double precision,
    agreement double precision,
    answer jsonb,
    details jsonb NOT NULL DEFAULT '{}',
    started_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON datawarp.tbl_enrichment_runs (unit);
COMMENT ON TABLE datawarp.tbl_enrichment_runs IS 'Each call of a layer of enrichment: what it cost and what came of it.';
COMMENT ON COLUMN datawarp.tbl_enrichment_runs.run_id IS 'Key.';
COMMENT ON COLUMN datawarp.tbl_enrichment_runs.unit IS 'The unit.';
COMMENT ON COLUMN datawarp.tbl_enrichment_runs.publication IS 'Code of its publication.';
COMMENT ON COLUMN datawarp.tbl_enrichment_runs.canonical_period IS 'Its period.';
COMMENT ON COLUMN datawarp.tbl_enrichment_runs.source_code IS 'The source asked about, when it was one.';
COMMENT ON COLUMN datawarp.tbl_enrichment_runs.layer IS 'Which layer ran.';
COMMENT ON COLUMN datawarp.tbl_enrichment_runs.provider IS 'Where the model runs.';
COMMENT ON COLUMN datawarp.tbl_enrichment_runs.model IS 'The model as it names itself.';
COMMENT ON COLUMN datawarp.tbl_enrichment_runs.prompt_version IS 'Version of the prompt.';
COMMENT ON COLUMN datawarp.tbl_enrichment_runs.prompt_sha256 IS 'Hash of what was asked.';
COMMENT ON COLUMN datawarp.tbl_enrichment_runs.prompt_tokens IS 'Tokens sent.';
COMMENT ON COLUMN datawarp.tbl_enrichment_runs.completion_tokens IS 'Tokens answered.';
COMMENT ON COLUMN datawarp.tbl_enrichment_runs.cost IS 'Price of the call.';
COMMENT ON COLUMN datawarp.tbl_enrichment_runs.currency IS 'Its currency.';
COMMENT ON COLUMN datawarp.tbl_enrichment_runs.seconds IS 'Time it took.';
COMMENT ON COLUMN datawarp.tbl_enrichment_runs.attempts IS 'Tries, the last included.';
COMMENT ON COLUMN datawarp.tbl_enrichment_runs.cached IS 'Whether an earlier answer to the same question was used.';
COMMENT ON COLUMN datawarp.tbl_enrichment_runs.outcome IS 'What came of it: answered, invalid, unreachable, over_budget, skipped.';
COMMENT ON COLUMN datawarp.tbl_enrichment_runs.error IS 'What went wrong.';
COMMENT ON COLUMN datawarp.tbl_enrichment_runs.confidence IS 'From 0 to 1.';
COMMENT ON COLUMN datawarp.tbl_enrichment_runs.agreement IS 'Share of the layers that agreed.';
COMMENT ON COLUMN datawarp.tbl_enrichment_runs.answer IS 'The answer as validated.';
COMMENT ON COLUMN datawarp.tbl_enrichment_runs.details IS 'More that the layer wants to keep.';
COMMENT ON COLUMN datawarp.tbl_enrichment_runs.started_at IS 'When it began.';

CREATE TABLE datawarp.tbl_review_items (
    item_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    unit text NOT NULL,
    publication text NOT NULL,
    canonical_period text,
    source_code text,
    file_id text NOT NULL DEFAULT '',
    kind text NOT NULL,
    question text NOT NULL,
    proposal jsonb NOT NULL DEFAULT '{}',
    alternatives jsonb NOT NULL DEFAULT '[]',
    evidence jsonb NOT NULL DEFAULT '[]',
    confidence double precision,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'approved', 'rejected', 'superseded')),
    decided_by text,
    decided_at timestamptz,
    note text,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (unit, file_id, kind)
);
CREATE INDEX ON datawarp.tbl_review_items (state);
COMMENT ON TABLE datawarp.tbl_review_items IS 'What a person was asked to decide, and what they decided.';
COMMENT ON COLUMN datawarp.tbl_review_items.item_id IS 'Key.';
COMMENT ON COLUMN datawarp.tbl_review_items.unit IS 'The unit.';
COMMENT ON COLUMN datawarp.tbl_review_items.publication IS 'Code of its publication.';
COMMENT ON COLUMN datawarp.tbl_review_items.canonical_period IS 'Its period.';
COMMENT ON COLUMN datawarp.tbl_review_items.source_code IS 'The source in question, as proposed.';
COMMENT ON COLUMN datawarp.tbl_review_items.file_id IS 'The manifest''s id of the table in question.';
COMMENT ON COLUMN datawarp.tbl_review_items.kind IS 'What is asked: match, rename, layout, correction.';
COMMENT ON COLUMN datawarp.tbl_review_items.question IS 'The question in words.';
COMMENT ON COLUMN datawarp.tbl_review_items.proposal IS 'What will be done when approved.';
COMMENT ON COLUMN datawarp.tbl_review_items.alternatives IS 'What else it could be.';
COMMENT ON COLUMN datawarp.tbl_review_items.evidence IS 'What speaks for and against.';
COMMENT ON COLUMN datawarp.tbl_review_items.confidence IS 'From 0 to 1.';
COMMENT ON COLUMN datawarp.tbl_review_items.state IS 'open, approved, rejected or superseded.';
COMMENT ON COLUMN datawarp.tbl_review_items.decided_by IS 'Who decided.';
COMMENT ON COLUMN datawarp.tbl_review_items.decided_at IS 'When.';
COMMENT ON COLUMN datawarp.tbl_review_items.note IS 'What they said.';
COMMENT ON COLUMN datawarp.tbl_review_items.created_at IS 'When it was asked.';
