use sea_orm::{ConnectionTrait, DbBackend};
use sea_orm_migration::prelude::*;

/// Repositories, blobs, manifests, tags and uploads (contract pierone 5.6). Times are milliseconds since 1970 UTC.
///
/// Content is kept once, under its SHA-256, and linked to repositories. What is named by its SHA-512 too has that beside it.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
#[expect(elided_lifetimes_in_paths, reason = "the trait is declared so")]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let name = super::name_type(manager);
        let bytes = super::bytes_type(manager);
        let database = manager.get_connection();
        database
            .execute_unprepared(&format!(
                "CREATE TABLE repositories (
                    name {name} NOT NULL PRIMARY KEY,
                    team {name} NOT NULL,
                    artifact {name} NOT NULL,
                    created_at BIGINT NOT NULL
                );
                CREATE INDEX repositories_team ON repositories (team, artifact);
                CREATE TABLE blobs (
                    digest {name} NOT NULL PRIMARY KEY,
                    sha512 {name} UNIQUE,
                    size BIGINT NOT NULL,
                    created_at BIGINT NOT NULL,
                    confirmed_at BIGINT NOT NULL,
                    collecting BIGINT
                );
                CREATE INDEX blobs_confirmed_at ON blobs (confirmed_at);
                CREATE TABLE blob_links (
                    repository {name} NOT NULL REFERENCES repositories (name),
                    digest {name} NOT NULL REFERENCES blobs (digest),
                    linked_at BIGINT NOT NULL,
                    PRIMARY KEY (repository, digest)
                );
                CREATE INDEX blob_links_digest ON blob_links (digest);
                CREATE TABLE manifests (
                    repository {name} NOT NULL REFERENCES repositories (name),
                    digest {name} NOT NULL,
                    sha512 {name},
                    media_type TEXT NOT NULL,
                    bytes {bytes} NOT NULL,
                    size BIGINT NOT NULL,
                    depth INTEGER NOT NULL,
                    subject {name},
                    artifact_type TEXT,
                    annotations TEXT,
                    image {name} NOT NULL,
                    source TEXT,
                    pushed_at BIGINT NOT NULL,
                    pushed_by TEXT NOT NULL,
                    PRIMARY KEY (repository, digest)
                );
                CREATE INDEX manifests_subject ON manifests (repository, subject, digest);
                CREATE INDEX manifests_sha512 ON manifests (repository, sha512);
                CREATE INDEX manifests_image ON manifests (image);
                CREATE TABLE manifest_refs (
                    repository {name} NOT NULL,
                    digest {name} NOT NULL,
                    position INTEGER NOT NULL,
                    kind TEXT NOT NULL,
                    target {name} NOT NULL,
                    PRIMARY KEY (repository, digest, position),
                    FOREIGN KEY (repository, digest) REFERENCES manifests (repository, digest)
                );
                CREATE INDEX manifest_refs_target ON manifest_refs (target);
                CREATE TABLE tags (
                    repository {name} NOT NULL,
                    name {name} NOT NULL,
                    digest {name} NOT NULL,
                    created_at BIGINT NOT NULL,
                    created_by TEXT NOT NULL,
                    source TEXT,
                    active BOOLEAN NOT NULL,
                    reason TEXT,
                    PRIMARY KEY (repository, name),
                    FOREIGN KEY (repository, digest) REFERENCES manifests (repository, digest)
                );
                CREATE INDEX tags_digest ON tags (digest);
                CREATE INDEX tags_created ON tags (repository, created_at, name);
                CREATE TABLE uploads (
                    id TEXT NOT NULL PRIMARY KEY,
                    repository {name} NOT NULL REFERENCES repositories (name),
                    principal TEXT NOT NULL,
                    algorithm TEXT,
                    size BIGINT NOT NULL,
                    created_at BIGINT NOT NULL,
                    touched_at BIGINT NOT NULL
                );
                CREATE INDEX uploads_touched_at ON uploads (touched_at);
                CREATE TABLE upload_parts (
                    upload TEXT NOT NULL REFERENCES uploads (id),
                    start BIGINT NOT NULL,
                    size BIGINT NOT NULL,
                    object TEXT NOT NULL,
                    sha256 TEXT NOT NULL,
                    sha512 TEXT,
                    PRIMARY KEY (upload, start)
                );
                CREATE TABLE tag_history (
                    id {serial},
                    repository {name} NOT NULL,
                    tag {name} NOT NULL,
                    action TEXT NOT NULL,
                    digest {name} NOT NULL,
                    previous {name},
                    reason TEXT,
                    changed_at BIGINT NOT NULL,
                    changed_by TEXT NOT NULL
                );
                CREATE INDEX tag_history_tag ON tag_history (repository, tag, id);
                CREATE TABLE tombstones (
                    repository {name} NOT NULL,
                    digest {name} NOT NULL,
                    tags TEXT NOT NULL,
                    blobs TEXT NOT NULL,
                    size BIGINT NOT NULL,
                    reason TEXT NOT NULL,
                    ticket TEXT NOT NULL,
                    requested_by TEXT NOT NULL,
                    requested_at BIGINT NOT NULL,
                    approved_by TEXT,
                    approved_at BIGINT,
                    bytes_removed_at BIGINT,
                    PRIMARY KEY (repository, digest)
                );
                CREATE TABLE registry_keys (
                    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
                    key {bytes} NOT NULL
                );
                CREATE TABLE policies (
                    name TEXT NOT NULL PRIMARY KEY,
                    value TEXT NOT NULL
                )",
                serial = match database.get_database_backend() {
                    DbBackend::Sqlite => "INTEGER PRIMARY KEY AUTOINCREMENT",
                    _ => "BIGSERIAL PRIMARY KEY",
                }
            ))
            .await?;
        let append_only = match database.get_database_backend() {
            DbBackend::Sqlite => APPEND_ONLY_SQLITE,
            _ => APPEND_ONLY_POSTGRESQL,
        };
        database.execute_unprepared(append_only).await?;
        Ok(())
    }
}

const APPEND_ONLY_SQLITE: &str = "
CREATE TRIGGER tag_history_no_update BEFORE UPDATE ON tag_history
    BEGIN SELECT RAISE(ABORT, 'the history of tags is never changed'); END;
CREATE TRIGGER tag_history_no_delete BEFORE DELETE ON tag_history
    BEGIN SELECT RAISE(ABORT, 'the history of tags is never removed'); END;
";

const APPEND_ONLY_POSTGRESQL: &str = "
CREATE FUNCTION tag_history_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'the history of tags is never changed or removed'; END
$$;
CREATE TRIGGER tag_history_append_only BEFORE UPDATE OR DELETE ON tag_history
    FOR EACH ROW EXECUTE FUNCTION tag_history_refuse();
CREATE TRIGGER tag_history_no_truncate BEFORE TRUNCATE ON tag_history
    FOR EACH STATEMENT EXECUTE FUNCTION tag_history_refuse();
";
