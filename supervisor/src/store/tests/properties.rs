//! Any sequence of changes: the epoch grows by one with each change that changed something and never else, every
//! such epoch has its audit rows, and no secret is readable anywhere in the directory.

use super::fixture::{NOW, alias, app, dir, model, provider, stamp_at};
use crate::store::app_keys::NewAppKey;
use crate::store::audit::AuditFilter;
use crate::store::config::Reserve;
use crate::store::edit::{Edit, Expect};
use crate::store::page::Page;
use crate::store::provider_keys::ProviderKeySpec;
use crate::store::sessions::{Session, TokenHash};
use crate::store::users::{Permission, UserSpec};
use crate::store::{ConfigStore, SecretPlace, StateDir, StoreError};
use crate::vault::Vault;
use crate::vault::password::hash_password;
use crate::vault::secret::Secret;
use crate::vault::token::{Token, TokenKind};
use crate::vault::unlock::MasterSource;
use proptest::prelude::*;
use rusqlite::types::ValueRef;
use serde_json::json;
use std::sync::Arc;

/// Appears in every secret of these tests.
const CANARY: &str = "canary5f2a9c81d0e7b346";

/// One change; the number picks among three objects of its kind.
#[derive(Clone, Debug)]
enum Op {
    Provider(u8, i32),
    DropProvider(u8),
    Key(u8),
    NewKeyValue(u8, u8),
    Model(u8),
    Alias(u8, u8),
    App(u8, bool),
    DropApp(u8),
    AppKey(u8),
    Setting(u8, u8),
    Nothing,
    /// Does something, then fails.
    Broken(u8),
    RotateMaster,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let n = 0..3_u8;
    let op = prop_oneof![
        4 => (n.clone(), -1..2_i32).prop_map(|(n, p)| Op::Provider(n, p)),
        1 => n.clone().prop_map(Op::DropProvider),
        3 => n.clone().prop_map(Op::Key),
        2 => (n.clone(), 0..4_u8).prop_map(|(n, v)| Op::NewKeyValue(n, v)),
        2 => n.clone().prop_map(Op::Model),
        2 => (n.clone(), n.clone()).prop_map(|(a, p)| Op::Alias(a, p)),
        2 => (n.clone(), any::<bool>()).prop_map(|(n, strict)| Op::App(n, strict)),
        1 => n.clone().prop_map(Op::DropApp),
        2 => n.clone().prop_map(Op::AppKey),
        2 => (n.clone(), 0..3_u8).prop_map(|(n, v)| Op::Setting(n, v)),
        1 => Just(Op::Nothing),
        1 => n.prop_map(Op::Broken),
        1 => Just(Op::RotateMaster),
    ];
    proptest::collection::vec(op, 1..25)
}

fn apply(edit: &mut Edit<'_>, vault: &Vault, op: &Op) -> Result<(), StoreError> {
    let named = |n: &u8| format!("p{n}");
    match op {
        Op::Provider(n, priority) => {
            let mut spec = provider(&named(n));
            spec.priority = *priority;
            match edit.provider_named(&named(n)) {
                Ok(found) => edit.update_provider(found.id, Expect::Version(found.version), &spec).map(drop),
                Err(_) => edit.create_provider(&spec).map(drop),
            }
        }
        Op::DropProvider(n) => {
            let id = edit.provider_named(&named(n))?.id;
            edit.delete_provider(id, Expect::Any)
        }
        Op::Key(n) => {
            let id = edit.provider_named(&named(n))?.id;
            let secret = Secret::new(format!("sk-{CANARY}-{n}").into_bytes());
            let label = format!("key{}", edit.provider_keys(id)?.len());
            let spec = ProviderKeySpec { label, tail: String::new(), reference: None, enabled: true };
            let key = edit.add_provider_key(id, &spec)?;
            vault.put(edit, &SecretPlace::provider_key(key.id), &secret)
        }
        Op::NewKeyValue(n, value) => {
            let id = edit.provider_named(&named(n))?.id;
            let Some(key) = edit.provider_keys(id)?.pop() else { return Ok(()) };
            let secret = Secret::new(format!("sk-{CANARY}-new-{value}").into_bytes());
            vault.put(edit, &SecretPlace::provider_key(key.id), &secret)
        }
        Op::Model(n) => {
            let id = edit.provider_named(&named(n))?.id;
            edit.create_model(id, &model("m1")).map(drop)
        }
        Op::Alias(n, p) => edit.create_alias(&alias(&format!("alias{n}"), &[&named(p)])).map(drop),
        Op::App(n, strict) => {
            let mut spec = app(&format!("app{n}"));
            spec.strict = *strict;
            match edit.app_named(&spec.name) {
                Ok(found) => edit.update_app(found.id, Expect::Any, &spec).map(drop),
                Err(_) => edit.create_app(&spec).map(drop),
            }
        }
        Op::DropApp(n) => {
            let id = edit.app_named(&format!("app{n}"))?.id;
            edit.delete_app(id, Expect::Any)
        }
        Op::AppKey(n) => {
            let id = edit.app_named(&format!("app{n}"))?.id;
            let token = Token::random(TokenKind::AppKey).map_err(StoreError::from)?;
            let key = NewAppKey {
                label: "k".to_owned(),
                prefix: token.prefix().to_owned(),
                hash: token.hash(),
                expires_at: None,
            };
            edit.add_app_key(id, &key).map(drop)
        }
        Op::Setting(n, value) => edit.set_setting(&format!("s{n}"), Expect::Any, &json!(value)).map(drop),
        Op::Nothing => Ok(()),
        Op::Broken(n) => {
            edit.set_setting(&format!("s{n}"), Expect::Any, &json!("never"))?;
            edit.provider_named("no such provider").map(drop)
        }
        Op::RotateMaster => Ok(()),
    }
}

async fn run(ops: Vec<Op>) {
    let (_temp, dir) = dir();
    let (store, _opened) = ConfigStore::open(&dir, NOW).await.unwrap();
    let (vault, _done) =
        Vault::unlock(&store, &dir, MasterSource::StateDir, stamp_at(NOW)).await.ok().unwrap();
    let mut epoch = store.read(|view| view.epoch()).await.unwrap();
    for (n, op) in (1..).zip(ops) {
        let stamp = stamp_at(NOW.plus_ms(n));
        let before = rows(&store).await;
        if matches!(op, Op::RotateMaster) {
            vault.rotate(&store, stamp).await.ok().unwrap();
            epoch += 1;
        } else {
            let (vault, op, shown) = (vault.clone(), op.clone(), format!("{op:?}"));
            match store.change(stamp, move |edit| apply(edit, &vault, &op)).await {
                Ok(done) => {
                    epoch += i64::from(done.effect.changes > 0);
                    assert_eq!(done.effect.epoch, epoch, "{shown}");
                    let audited = rows(&store).await - before;
                    assert_eq!(audited, u64::from(done.effect.changes), "{shown}: one row for each change");
                }
                Err(_) => {
                    assert_eq!(rows(&store).await, before, "{shown}: nothing is left of a refused change")
                }
            }
        }
        assert_eq!(store.read(|view| view.epoch()).await.unwrap(), epoch, "{op:?}");
    }
    every_epoch_is_audited(&store, epoch).await;
    every_key_opens(&store, &vault).await;
    nothing_is_readable(&dir);
    store.close().await;
    nothing_is_readable(&dir);
}

async fn rows(store: &ConfigStore) -> u64 {
    let newest = store.read(|view| view.audit(&AuditFilter::default(), Page::first(1))).await.unwrap();
    newest.first().map_or(0, |row| row.id.0.unsigned_abs())
}

async fn every_epoch_is_audited(store: &ConfigStore, epoch: i64) {
    let rows = store.read(|view| view.audit(&AuditFilter::default(), Page::first(500))).await.unwrap();
    let mut epochs: Vec<i64> = rows.iter().filter_map(|row| row.epoch).collect();
    epochs.reverse();
    assert!(epochs.is_sorted());
    epochs.dedup();
    assert_eq!(epochs, (1..=epoch).collect::<Vec<_>>());
}

async fn every_key_opens(store: &ConfigStore, vault: &Vault) {
    for key in store.read(|view| view.all_provider_keys()).await.unwrap() {
        let secret = vault.get(store, SecretPlace::provider_key(key.id)).await.ok().unwrap().unwrap();
        assert!(secret.expose().starts_with(b"sk-canary"));
    }
}

/// Every value of every table, and every byte of every file.
fn nothing_is_readable(dir: &StateDir) {
    let conn = rusqlite::Connection::open(dir.join("config.db")).unwrap();
    for table in tables(&conn) {
        let mut all = conn.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
        let columns = all.column_count();
        let mut found = all.query([]).unwrap();
        while let Some(row) = found.next().unwrap() {
            for column in 0..columns {
                let value = row.get_ref(column).unwrap();
                let (ValueRef::Text(bytes) | ValueRef::Blob(bytes)) = value else { continue };
                assert!(!holds(bytes, CANARY.as_bytes()), "{table} column {column}");
            }
        }
    }
    drop(conn);
    for file in std::fs::read_dir(dir.path()).unwrap().flatten() {
        let content = std::fs::read(file.path()).unwrap();
        assert!(!holds(&content, CANARY.as_bytes()), "{}", file.path().display());
    }
}

fn tables(conn: &rusqlite::Connection) -> Vec<String> {
    let mut names = conn.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
    names.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_changes(ops in ops()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(ops));
    }
}

#[tokio::test]
async fn passwords_and_tokens_are_not_readable_either() {
    let (_temp, dir) = dir();
    let (store, _opened) = ConfigStore::open(&dir, NOW).await.unwrap();
    let password = hash_password(&Secret::new(format!("pw-{CANARY}").into_bytes())).ok().unwrap();
    let spec =
        UserSpec { name: "ada".to_owned(), permissions: vec![Permission::SystemConfig], enabled: true };
    let user =
        store.change(stamp_at(NOW), move |e| Ok(e.create_user(&spec, &password)?.id)).await.unwrap().value;
    let token = Arc::new(Token::random(TokenKind::Refresh).ok().unwrap());
    let hash = TokenHash(token.hash());
    store
        .note(Reserve::Spend, move |note| {
            let session = Session {
                id: "s1".to_owned(),
                user_id: user,
                agent: String::new(),
                address: String::new(),
                created_at: NOW,
                expires_at: NOW.plus_ms(1),
                seen_at: NOW,
                revoked_at: None,
            };
            note.begin_session(&session, hash)
        })
        .await
        .unwrap();
    nothing_is_readable(&dir);
    for file in std::fs::read_dir(dir.path()).unwrap().flatten() {
        let content = std::fs::read(file.path()).unwrap();
        assert!(!holds(&content, token.expose().as_bytes()), "{}", file.path().display());
    }
}

#[test]
fn the_search_finds_what_it_looks_for() {
    let (_temp, dir) = dir();
    std::fs::write(dir.join("leak"), format!("..{CANARY}..")).unwrap();
    let found = std::panic::catch_unwind(|| nothing_is_readable(&dir));
    assert!(found.is_err());
}
