//! The vault against a real store: what it seals opens only where it belongs, and the master key survives being
//! replaced, moved, lost and restored.

use super::Vault;
use super::error::VaultError;
use super::master::MasterKey;
use super::password::{Verdict, hash_password, verify_password};
use super::secret::Secret;
use super::token::{Token, TokenKind, hash_token, same_hash};
use super::unlock::{MasterSource, Unlocked};
use crate::store::edit::ActorKind;
use crate::store::users::PasswordHash;
use crate::store::{ConfigStore, SecretPlace, Stamp, StateDir, UnixMs};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

const CANARY: &[u8] = b"sk-canary-5f2a9c81d0e7b346-canary";

fn stamp() -> Stamp {
    let actor_kind = ActorKind::System;
    Stamp { at: UnixMs(1_767_225_600_000), actor_kind, actor: "test".to_owned(), origin: String::new() }
}

struct Bench {
    _temp: tempfile::TempDir,
    dir: StateDir,
    store: ConfigStore,
}

impl Bench {
    async fn new() -> Bench {
        let temp = tempfile::tempdir().unwrap();
        let dir = StateDir::prepare(&temp.path().join("state")).unwrap();
        let (store, _opened) = ConfigStore::open(&dir, stamp().at).await.unwrap();
        Bench { _temp: temp, dir, store }
    }

    async fn unlock(&self, source: MasterSource) -> Result<(Vault, Unlocked), VaultError> {
        Vault::unlock(&self.store, &self.dir, source, stamp()).await
    }

    async fn vault(&self) -> Vault {
        self.unlock(MasterSource::StateDir).await.ok().unwrap().0
    }

    async fn put(&self, vault: &Vault, place: &SecretPlace, secret: &[u8]) {
        let (vault, place, secret) = (vault.clone(), place.clone(), Secret::new(secret.to_vec()));
        self.store.change(stamp(), move |edit| vault.put(edit, &place, &secret)).await.unwrap();
    }

    async fn get(&self, vault: &Vault, place: &SecretPlace) -> Vec<u8> {
        vault.get(&self.store, place.clone()).await.ok().unwrap().unwrap().expose().to_vec()
    }

    fn write(&self, name: &str, content: &[u8], mode: u32) -> std::path::PathBuf {
        let path = self.dir.path().parent().unwrap().join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }
}

fn refused<T>(result: Result<T, VaultError>) -> String {
    result.err().unwrap().to_string()
}

#[tokio::test]
async fn a_first_start_makes_a_private_key_and_later_ones_use_it() {
    let bench = Bench::new().await;
    let (vault, done) = bench.unlock(MasterSource::StateDir).await.ok().unwrap();
    assert_eq!(done, Unlocked::Adopted);
    let mode = std::fs::metadata(bench.dir.join("master.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let place = SecretPlace::program("jwt");
    bench.put(&vault, &place, CANARY).await;
    let (again, done) = bench.unlock(MasterSource::StateDir).await.ok().unwrap();
    assert_eq!(done, Unlocked::AsBefore);
    assert_eq!(bench.get(&again, &place).await, CANARY);
}

#[tokio::test]
async fn a_secret_opens_only_where_it_was_sealed() {
    let bench = Bench::new().await;
    let vault = bench.vault().await;
    let (one, two) = (SecretPlace::program("one"), SecretPlace::program("two"));
    bench.put(&vault, &one, b"first").await;
    bench.put(&vault, &two, b"second").await;
    let outside = rusqlite::Connection::open(bench.dir.join("config.db")).unwrap();
    let swap = || {
        for (from, to) in [("one", "aside"), ("two", "one"), ("aside", "two")] {
            outside.execute("UPDATE secrets SET field = ?2 WHERE field = ?1", [from, to]).unwrap();
        }
    };
    swap();
    for place in [&one, &two] {
        let error = refused(vault.get(&bench.store, place.clone()).await);
        assert!(error.contains("does not open"), "{error}");
    }
    swap();
    assert_eq!(bench.get(&vault, &one).await, b"first");
    for damage in ["version = version + 1", "ciphertext = zeroblob(60)", "data_key = zeroblob(72)"] {
        outside.execute(&format!("UPDATE secrets SET {damage} WHERE field = 'one'"), []).unwrap();
        assert!(vault.get(&bench.store, one.clone()).await.is_err(), "{damage}");
    }
    assert_eq!(bench.get(&vault, &two).await, b"second");
}

#[tokio::test]
async fn every_bit_of_a_sealed_secret_counts() {
    let bench = Bench::new().await;
    let vault = bench.vault().await;
    let place = SecretPlace::program("one");
    bench.put(&vault, &place, b"k").await;
    let asked = place.clone();
    let sealed = bench.store.read(move |view| view.sealed(&asked)).await.unwrap().unwrap();
    for bit in 0..sealed.ciphertext.len() * 8 {
        let mut altered = sealed.clone();
        altered.ciphertext[bit / 8] ^= 1 << (bit % 8);
        assert!(vault.open(&place, &altered).is_err(), "bit {bit} of the ciphertext");
    }
    for bit in 0..sealed.data_key.len() * 8 {
        let mut altered = sealed.clone();
        altered.data_key[bit / 8] ^= 1 << (bit % 8);
        assert!(vault.open(&place, &altered).is_err(), "bit {bit} of the data key");
    }
    let mut short = sealed.clone();
    short.ciphertext.truncate(10);
    assert!(vault.open(&place, &short).is_err());
}

#[tokio::test]
async fn rotation_keeps_secrets_readable_and_old_backups_restorable() {
    let bench = Bench::new().await;
    let vault = bench.vault().await;
    let places: Vec<_> = (0..20).map(|n| SecretPlace::program(&format!("s{n}"))).collect();
    for place in &places {
        bench.put(&vault, place, place.field.as_bytes()).await;
    }
    let backup = bench.dir.path().parent().unwrap().join("backup.db");
    bench.store.copy_to(backup.clone()).await.unwrap();
    let old = bench.store.read(|view| view.master_id()).await.unwrap();
    assert_eq!(vault.rotate(&bench.store, stamp()).await.ok().unwrap(), 20);
    assert_ne!(bench.store.read(|view| view.master_id()).await.unwrap(), old);
    assert!(!bench.dir.join("master.key.next").exists());
    for vault in [vault, bench.vault().await] {
        for place in &places {
            assert_eq!(bench.get(&vault, place).await, place.field.as_bytes());
        }
    }
    bench.store.close().await;
    std::fs::copy(&backup, bench.dir.join("config.db")).unwrap();
    let (store, _opened) = ConfigStore::open(&bench.dir, stamp().at).await.unwrap();
    let bench = Bench { store, ..bench };
    let (vault, done) = bench.unlock(MasterSource::StateDir).await.ok().unwrap();
    assert_eq!(done, Unlocked::Rewrapped(20));
    assert_eq!(bench.get(&vault, &places[7]).await, b"s7");
}

#[tokio::test]
async fn reads_and_writes_go_on_while_the_key_is_rotated() {
    let bench = Arc::new(Bench::new().await);
    let vault = bench.vault().await;
    let place = SecretPlace::program("busy");
    bench.put(&vault, &place, b"value").await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..4 {
        let (bench, vault) = (Arc::clone(&bench), vault.clone());
        tasks.spawn(async move {
            let mine = SecretPlace::program(&format!("mine{n}"));
            for round in 0..10_u8 {
                bench.put(&vault, &mine, &[round]).await;
                assert_eq!(bench.get(&vault, &mine).await, [round]);
                assert_eq!(bench.get(&vault, &SecretPlace::program("busy")).await, b"value");
            }
        });
    }
    for _ in 0..5 {
        vault.rotate(&bench.store, stamp()).await.ok().unwrap();
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(bench.get(&bench.vault().await, &place).await, b"value");
}

#[tokio::test]
async fn two_rotations_at_once_are_one() {
    let bench = Bench::new().await;
    let vault = bench.vault().await;
    bench.put(&vault, &SecretPlace::program("one"), CANARY).await;
    let (first, second) =
        tokio::join!(vault.rotate(&bench.store, stamp()), vault.rotate(&bench.store, stamp()));
    assert_eq!(first.ok().unwrap(), 1);
    assert_eq!(refused(second), "another rotation of the master key is under way");
    assert_eq!(bench.get(&bench.vault().await, &SecretPlace::program("one")).await, CANARY);
}

#[tokio::test]
async fn a_rotation_whose_caller_went_away_is_finished_by_the_next_one() {
    let bench = Bench::new().await;
    let vault = bench.vault().await;
    bench.put(&vault, &SecretPlace::program("one"), CANARY).await;
    for _ in 0..3 {
        // The first poll sends the read; each later one gets a step further.
        let mut rotation = Box::pin(vault.rotate(&bench.store, stamp()));
        for _ in 0..2 {
            let step = tokio::time::timeout(std::time::Duration::from_millis(3), &mut rotation).await;
            if step.is_ok() {
                break;
            }
        }
        drop(rotation);
        assert_eq!(bench.get(&vault, &SecretPlace::program("one")).await, CANARY);
    }
    vault.rotate(&bench.store, stamp()).await.ok().unwrap();
    assert_eq!(bench.get(&bench.vault().await, &SecretPlace::program("one")).await, CANARY);
}

#[tokio::test]
async fn a_lost_or_foreign_key_is_refused_and_never_replaced() {
    let bench = Bench::new().await;
    drop(bench.vault().await);
    let id = bench.store.read(|view| view.master_id()).await.unwrap().unwrap();
    let kept = std::fs::read(bench.dir.join("master.key")).unwrap();
    std::fs::remove_file(bench.dir.join("master.key")).unwrap();
    let error = refused(bench.unlock(MasterSource::StateDir).await);
    assert!(error.starts_with(&format!("the store needs master key `{id}`")), "{error}");
    assert!(!bench.dir.join("master.key").exists());
    let other = bench.write("other", &[7; 32], 0o600);
    std::fs::copy(&other, bench.dir.join("master.key")).unwrap();
    let error = refused(bench.unlock(MasterSource::StateDir).await);
    assert!(error.ends_with(&format!("does not open this store, which needs `{id}`")), "{error}");
    std::fs::write(bench.dir.join("master.key"), kept).unwrap();
    drop(bench.vault().await);
}

#[tokio::test]
async fn the_key_moves_to_a_credential_and_on_to_the_next_credential() {
    let bench = Bench::new().await;
    let place = SecretPlace::program("one");
    bench.put(&bench.vault().await, &place, CANARY).await;
    let first = bench.write("credential-1", &[1; 32], 0o400);
    let second = bench.write(
        "credential-2",
        b"0202020202020202020202020202020202020202020202020202020202020202\n",
        0o400,
    );
    let source = |current: &std::path::Path, previous: Option<&std::path::Path>| MasterSource::File {
        current: current.to_owned(),
        previous: previous.map(std::path::Path::to_owned),
    };
    let (vault, done) = bench.unlock(source(&first, None)).await.ok().unwrap();
    assert_eq!(done, Unlocked::Rewrapped(1));
    assert_eq!(bench.get(&vault, &place).await, CANARY);
    assert_eq!(refused(vault.rotate(&bench.store, stamp()).await), VaultError::KeptOutside.to_string());
    assert!(refused(bench.unlock(source(&second, None)).await).contains("does not open this store"));
    let (vault, done) = bench.unlock(source(&second, Some(&first))).await.ok().unwrap();
    assert_eq!(done, Unlocked::Rewrapped(1));
    assert_eq!(bench.get(&vault, &place).await, CANARY);
}

#[tokio::test]
async fn a_key_others_can_read_or_of_the_wrong_size_is_refused() {
    let bench = Bench::new().await;
    for (content, mode, wanted) in [
        (vec![1; 32], 0o644, "can be read by others (mode 0644)"),
        (vec![1; 31], 0o600, "is not a master key"),
        (Vec::new(), 0o600, "is not a master key"),
        (vec![b'z'; 64], 0o600, "is not a master key"),
        (vec![b'A'; 300], 0o600, "is not a master key"),
    ] {
        let current = bench.write("key", &content, mode);
        let error = refused(bench.unlock(MasterSource::File { current, previous: None }).await);
        assert!(error.contains(wanted), "{error}");
    }
    assert_eq!(bench.store.read(|view| view.master_id()).await.unwrap(), None);
}

#[tokio::test]
async fn a_key_may_be_given_by_value() {
    let bench = Bench::new().await;
    let key = |byte| MasterKey::parse(&[byte; 32], "given").ok().unwrap();
    let given = |current, previous: Option<u8>| MasterSource::Given {
        current: key(current),
        previous: previous.map(key),
    };
    let place = SecretPlace::program("one");
    let (vault, done) = bench.unlock(given(1, None)).await.ok().unwrap();
    assert_eq!(done, Unlocked::Adopted);
    bench.put(&vault, &place, CANARY).await;
    assert!(refused(bench.unlock(given(2, Some(3))).await).contains("does not open this store"));
    let (vault, done) = bench.unlock(given(2, Some(1))).await.ok().unwrap();
    assert_eq!(done, Unlocked::Rewrapped(1));
    assert_eq!(bench.get(&vault, &place).await, CANARY);
}

#[test]
fn a_key_may_be_written_three_ways() {
    let raw = MasterKey::parse(&[9; 32], "raw").ok().unwrap();
    let hex = MasterKey::parse("09".repeat(32).as_bytes(), "hex").ok().unwrap();
    let base64 = MasterKey::parse(raw.file_form().as_bytes(), "base64").ok().unwrap();
    let padded = MasterKey::parse(b"CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\n", "padded").ok().unwrap();
    assert_eq!([hex.id(), base64.id(), padded.id()], [raw.id(); 3]);
}

#[test]
fn tokens_are_kept_as_hashes_and_compared_whole() {
    let token = Token::random(TokenKind::AppKey).ok().unwrap();
    let other = Token::random(TokenKind::AppKey).ok().unwrap();
    for (kind, mark) in
        [(TokenKind::AppKey, "llk_"), (TokenKind::Refresh, "llr_"), (TokenKind::OneTime, "llo_")]
    {
        assert!(Token::random(kind).ok().unwrap().expose().starts_with(mark));
    }
    assert_eq!((token.expose().len(), token.prefix().len()), (47, 10));
    assert!(same_hash(&token.hash(), &hash_token(token.expose().as_bytes())));
    assert!(!same_hash(&token.hash(), &other.hash()));
    assert!(!same_hash(&token.hash(), &hash_token(&token.expose().as_bytes()[..46])));
}

#[test]
fn passwords() {
    let secret = |text: &str| Secret::new(text.as_bytes().to_vec());
    let hash = hash_password(&secret("correct horse")).ok().unwrap();
    assert!(hash.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.0);
    assert!(hash != hash_password(&secret("correct horse")).ok().unwrap());
    assert_eq!(verify_password(&secret("correct horse"), Some(&hash)).ok(), Some(Verdict::Right));
    assert_eq!(verify_password(&secret("correct hors"), Some(&hash)).ok(), Some(Verdict::Wrong));
    assert_eq!(verify_password(&secret("correct horse"), None).ok(), Some(Verdict::Wrong));
    assert_eq!(verify_password(&secret(&"x".repeat(5000)), Some(&hash)).ok(), Some(Verdict::Wrong));
    assert!(hash_password(&secret("short")).is_err());
    // RFC 9106's reference program: argon2id, t=2, m=256 KiB, p=1, `password`, `somesalt`.
    let old = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    let verdict = verify_password(&secret("password"), Some(&PasswordHash(old.to_owned())));
    assert_eq!(verdict.ok(), Some(Verdict::RightButOld));
    assert!(verify_password(&secret("password"), Some(&PasswordHash("$argon2i$x".to_owned()))).is_err());
}

/// A plaintext that exists nowhere as a constant, and whether it is in this process's writable memory. It is
/// compared byte by byte, so that looking for it leaves no copy.
mod memory {
    use std::io::{Read, Seek, SeekFrom};

    const MASKED: [u8; 23] = *b")1wqwfz0123asdfkp84mvbq";
    const MASK: u8 = 0x5a;

    pub(super) fn secret() -> Vec<u8> {
        MASKED.iter().map(|b| b ^ MASK).collect()
    }

    pub(super) fn copies() -> usize {
        let mut buffer = vec![0; 1 << 20];
        let own = buffer.as_ptr() as u64..buffer.as_ptr() as u64 + buffer.len() as u64;
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let mut memory = std::fs::File::open("/proc/self/mem").unwrap();
        let mut found = 0;
        for line in maps.lines().filter(|line| line.contains(" rw-p ")) {
            let (from, to) = line.split(' ').next().unwrap().split_once('-').unwrap();
            let at = |hex| u64::from_str_radix(hex, 16).unwrap();
            let (mut from, to) = (at(from), at(to));
            while from + (MASKED.len() as u64) < to {
                let length = usize::try_from(to - from).unwrap().min(buffer.len());
                memory.seek(SeekFrom::Start(from)).unwrap();
                if memory.read_exact(&mut buffer[..length]).is_err() {
                    break;
                }
                let places = buffer[..length].windows(MASKED.len()).zip(from..).filter(|(w, _)| is_secret(w));
                found += places.filter(|(_, at)| !own.contains(at)).count();
                // What lies across the end is looked at again from its beginning.
                from += (length - MASKED.len() + 1) as u64;
            }
        }
        buffer.fill(0);
        std::hint::black_box(&buffer);
        found
    }

    fn is_secret(window: &[u8]) -> bool {
        window.iter().zip(MASKED).all(|(b, masked)| b ^ MASK == masked)
    }
}

#[tokio::test]
async fn nothing_of_a_secret_stays_in_memory() {
    let bench = Bench::new().await;
    let vault = bench.vault().await;
    let place = SecretPlace::program("one");
    let secret = Secret::new(memory::secret());
    assert_eq!(memory::copies(), 1, "the search works");
    let (put, at) = (vault.clone(), place.clone());
    bench.store.change(stamp(), move |edit| put.put(edit, &at, &secret)).await.unwrap();
    assert_eq!(memory::copies(), 0, "after it was sealed");
    let opened = vault.get(&bench.store, place.clone()).await.ok().unwrap().unwrap();
    assert_eq!(memory::copies(), 1, "while it is used");
    drop(opened);
    assert_eq!(memory::copies(), 0, "after it was used");
    vault.rotate(&bench.store, stamp()).await.ok().unwrap();
    assert_eq!(memory::copies(), 0, "rotation opens no secret");
}

#[test]
fn tails_of_short_keys_are_not_kept() {
    assert_eq!(Secret::new(CANARY.to_vec()).tail(), "nary");
    assert_eq!(Secret::new(b"sk-short-key".to_vec()).tail(), "");
}
