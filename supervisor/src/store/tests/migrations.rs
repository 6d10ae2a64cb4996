//! Every older schema reaches the newest; what is newer, foreign, changed or damaged is refused and not touched.

use super::fixture::{NOW, dir, provider, stamp};
use crate::store::copy::verify;
use crate::store::migrate::{Migration, Schema, migrate};
use crate::store::schema::{CONFIG, USAGE};
use crate::store::{ConfigStore, StateDir, StoreError, UsageStore};
use rusqlite::Connection;
use std::os::unix::fs::MetadataExt;

/// SHA-256 of every released file, in order. A line is added with a new file and never changed.
const DIGESTS: &[(&str, &str)] = &[
    ("config/0001_settings", "aa4d53e5c8a67c223dcc48318ac3a1bdf1f316e0063a680ada135ff7fdbfb9f8"),
    ("config/0002_secrets", "ab3a7e417830f8701914d1c55d80a2b4a5939c4df877a02fefb4fa12104ea16e"),
    ("config/0003_providers", "23c05491fd768852145d27da19a95237a987af27a5c784599e39cd7fde037d08"),
    ("config/0004_models", "6aa39c9175ead64363029e4316db79299e3cf2a6b017b08d8ba8b9177b930549"),
    ("config/0005_apps", "556c488d2b0fc25528d3d3e95c16710834caaaa313b637f936bb93a5ad711c9a"),
    ("config/0006_people", "d29266123794796e617f215d341d1703e671af6078db154631a7e003714424aa"),
    ("config/0007_audit", "f59b4616fef91256763d087875afd67793a9c6ad665a7c73f97d5d3e0fda0071"),
    ("config/0008_alerts", "e29e960b858b2a0ab222f9ff9fc036c633f40799d1253e0071d2d8d19a82fc03"),
    ("config/0009_events", "c5afe24be6f1aa9c530e3de7f929933107afb71d827f305505b81abfd6995292"),
    ("config/0010_names", "2201ce31c3000aad045182d0a010dc1bf721afe6b8123d14da68d5ef44aba895"),
    ("config/0011_provider_secrets", "b3e09495f66bd84553c99323c2d8a500328c62efa200023231c1d207cc20ab1f"),
    ("usage/0001_calls", "b306f281f55f83cd939d43d668624f79be6f382b1354d850f9ad9d99e227f1cd"),
    ("usage/0002_rollups", "25a4246632a855f6ecbdd3f5db5acb4df3761b105d08d445aea92ad70ac912ab"),
    ("usage/0003_filters", "b2a5aaca5892472844fe03f79837c7d0ac028166b14f72b3eacb4d04b40e2bf3"),
];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn released_files_are_never_edited() {
    let all =
        CONFIG.migrations.iter().map(|m| ("config", m)).chain(USAGE.migrations.iter().map(|m| ("usage", m)));
    let found: Vec<_> =
        all.map(|(folder, m)| (format!("{folder}/{:04}_{}", m.number, m.name), hex(&m.digest()))).collect();
    let wanted: Vec<_> =
        DIGESTS.iter().map(|(name, digest)| ((*name).to_owned(), (*digest).to_owned())).collect();
    assert_eq!(found, wanted);
}

#[test]
fn numbers_have_no_gap() {
    for schema in [&CONFIG, &USAGE] {
        let numbers: Vec<u32> = schema.migrations.iter().map(|m| m.number).collect();
        let newest = u32::try_from(numbers.len()).unwrap();
        assert_eq!(numbers, (1..=newest).collect::<Vec<_>>());
    }
}

/// The first `n` files of a schema.
fn older(schema: &'static Schema, n: usize) -> Schema {
    Schema { application_id: schema.application_id, migrations: &schema.migrations[..n] }
}

#[test]
fn every_older_schema_reaches_the_newest_after_a_copy() {
    for schema in [&CONFIG, &USAGE] {
        for n in 1..schema.migrations.len() {
            let (_temp, dir) = dir();
            let path = dir.join("old.db");
            let mut conn = Connection::open(&path).unwrap();
            migrate(&mut conn, &older(schema, n), &path, NOW).unwrap();
            let done = migrate(&mut conn, schema, &path, NOW).unwrap();
            assert_eq!((done.from as usize, done.to as usize), (n, schema.migrations.len()));
            let copy = verify(&done.copy.unwrap()).unwrap();
            assert_eq!((copy.schema as usize, copy.rows["migrations"] as usize), (n, n));
        }
    }
}

#[tokio::test]
async fn a_new_store_is_private_and_has_the_newest_schema() {
    let (_temp, dir) = dir();
    let (config, opened) = ConfigStore::open(&dir, NOW).await.unwrap();
    let (usage, _opened) = UsageStore::open(&dir, NOW).await.unwrap();
    assert_eq!((opened.migrated.from, opened.migrated.copy), (0, None));
    assert_eq!(config.read(|view| view.epoch()).await.unwrap(), 0);
    assert_eq!(std::fs::metadata(dir.path()).unwrap().mode() & 0o777, 0o700);
    for file in std::fs::read_dir(dir.path()).unwrap().flatten() {
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600, "{}", file.path().display());
    }
    config.close().await;
    usage.close().await;
    let (_config, again) = ConfigStore::open(&dir, NOW).await.unwrap();
    assert_eq!(again.migrated.from, again.migrated.to);
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let (_temp, dir) = dir();
    let (store, _opened) = ConfigStore::open(&dir, NOW).await.unwrap();
    store.change(stamp(), |edit| edit.create_provider(&provider("a"))).await.unwrap();
    store.close().await;
    let path = dir.join("config.db");
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = ConfigStore::open(&dir, NOW).await.err().unwrap();
    assert_eq!(
        error.to_string(),
        "`config.db` has schema 99, this build knows 11: run the newer build, or restore a backup made by this one"
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_foreign_database_is_refused_and_left_alone() {
    let (_temp, dir) = dir();
    let path = dir.join("config.db");
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE theirs (a); PRAGMA application_id = 7")
        .unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = ConfigStore::open(&dir, NOW).await.err().unwrap();
    assert!(matches!(error, StoreError::Foreign { found: 7, .. }), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let usage = UsageStore::open(&dir, NOW).await.unwrap();
    usage.0.close().await;
    std::fs::rename(dir.join("usage.db"), &path).unwrap();
    let error = ConfigStore::open(&dir, NOW).await.err().unwrap();
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
}

#[tokio::test]
async fn an_edited_old_file_is_refused() {
    let (_temp, dir) = dir();
    let path = dir.join("config.db");
    static BEFORE: &[Migration] =
        &[Migration { number: 1, name: "settings", sql: "CREATE TABLE settings (name TEXT) STRICT" }];
    let before = Schema { application_id: CONFIG.application_id, migrations: BEFORE };
    let mut conn = Connection::open(&path).unwrap();
    migrate(&mut conn, &before, &path, NOW).unwrap();
    drop(conn);
    let error = ConfigStore::open(&dir, NOW).await.err().unwrap();
    assert_eq!(error.to_string(), "migration 0001_settings differs from the one `config.db` was made with");
}

#[test]
fn a_failing_file_leaves_the_old_schema() {
    let (_temp, dir) = dir();
    let path = dir.join("config.db");
    static BROKEN: &[Migration] = &[
        Migration { number: 1, name: "one", sql: "CREATE TABLE one (a INTEGER) STRICT" },
        Migration { number: 2, name: "two", sql: "CREATE TABLE two (a INTEGER) STRICT" },
        Migration { number: 3, name: "three", sql: "CREATE TABLE two (a INTEGER) STRICT" },
    ];
    let mut conn = Connection::open(&path).unwrap();
    let schema = |n: usize| Schema { application_id: 7, migrations: &BROKEN[..n] };
    migrate(&mut conn, &schema(1), &path, NOW).unwrap();
    let error = migrate(&mut conn, &schema(3), &path, NOW).unwrap_err();
    assert_eq!(error.to_string(), "migration 0003_three of `config.db` failed; nothing was changed");
    let tables: i64 = conn
        .query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'two'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 0);
    assert_eq!(migrate(&mut conn, &schema(2), &path, NOW).unwrap().to, 2);
}

#[test]
fn a_file_that_breaks_references_is_rolled_back() {
    let (_temp, dir) = dir();
    let path = dir.join("x.db");
    static FILES: &[Migration] = &[Migration {
        number: 1,
        name: "one",
        sql: "CREATE TABLE up (a INTEGER PRIMARY KEY) STRICT;
              CREATE TABLE down (a INTEGER REFERENCES up (a)) STRICT;
              INSERT INTO down VALUES (5);",
    }];
    let mut conn = Connection::open(&path).unwrap();
    let error = migrate(&mut conn, &Schema { application_id: 7, migrations: FILES }, &path, NOW).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`x.db` is damaged (a row of down refers to a missing row of up): restore a backup"
    );
    let version: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(version, 0);
}

fn damage(dir: &StateDir, file: &str) {
    use std::os::unix::fs::FileExt;
    let path = dir.join(file);
    let opened = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    let pages = opened.metadata().unwrap().len() / 4096;
    assert!(pages > 4);
    for page in 1..pages {
        opened.write_all_at(&[0xa5; 512], page * 4096).unwrap();
    }
}

#[tokio::test]
async fn a_damaged_configuration_is_refused_and_damaged_usage_is_set_aside() {
    let (_temp, dir) = dir();
    ConfigStore::open(&dir, NOW).await.unwrap().0.close().await;
    UsageStore::open(&dir, NOW).await.unwrap().0.close().await;
    damage(&dir, "config.db");
    damage(&dir, "usage.db");
    let error = ConfigStore::open(&dir, NOW).await.err().unwrap();
    assert!(matches!(&error, StoreError::Damaged { file, .. } if file == "config.db"), "{error}");
    let (usage, opened) = UsageStore::open(&dir, NOW).await.unwrap();
    assert_eq!(opened.set_aside, Some(dir.join(&format!("usage.db.damaged-{}", NOW.0))));
    assert!(opened.set_aside.unwrap().exists());
    usage.check().await.unwrap();
}
