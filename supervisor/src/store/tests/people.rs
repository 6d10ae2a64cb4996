//! Users, sessions, one-time tokens, idempotency keys, events.

use super::fixture::{NOW, config, stamp};
use crate::store::audit::Entry;
use crate::store::config::Reserve;
use crate::store::edit::{Expect, Note, Stamp, Verb};
use crate::store::error::Object;
use crate::store::events::{EventFilter, NewEvent, Severity};
use crate::store::idempotency::{KEPT_MS, Repeat};
use crate::store::page::Page;
use crate::store::sessions::{Purpose, Refreshed, Session, TokenHash};
use crate::store::sweep::{Keep, Swept};
use crate::store::users::{LoginOutcome, PasswordHash, Permission, UserSpec};
use crate::store::words::UserId;
use crate::store::{ConfigStore, StoreError, UnixMs};

fn user(name: &str, permissions: &[Permission]) -> UserSpec {
    UserSpec { name: name.to_owned(), permissions: permissions.to_vec(), enabled: true }
}

fn hash(text: &str) -> PasswordHash {
    PasswordHash(format!("$argon2id$v=19$m=1,t=1,p=1$c2FsdA${text}"))
}

async fn with_admin() -> (tempfile::TempDir, ConfigStore, UserId) {
    let (temp, store) = config().await;
    let made = store
        .change(stamp(), |edit| {
            Ok(edit.create_user(&user("ada", &[Permission::SystemConfig]), &hash("x"))?.id)
        })
        .await
        .unwrap();
    (temp, store, made.value)
}

async fn note<T: Send + 'static>(
    store: &ConfigStore,
    job: impl Fn(&mut Note<'_>) -> Result<T, StoreError> + Send + 'static,
) -> T {
    store.note(Reserve::Spend, job).await.unwrap()
}

fn session(id: &str, user_id: UserId) -> Session {
    Session {
        id: id.to_owned(),
        user_id,
        agent: "curl".to_owned(),
        address: "127.0.0.1".to_owned(),
        created_at: NOW,
        expires_at: NOW.plus_ms(10_000),
        seen_at: NOW,
        revoked_at: None,
    }
}

fn token(n: u8) -> TokenHash {
    TokenHash([n; 32])
}

#[tokio::test]
async fn the_last_administrator_stays_one() {
    let (_temp, store, ada) = with_admin().await;
    let refused = [
        store.change(stamp(), move |e| e.delete_user(ada, Expect::Any)).await,
        store.change(stamp(), move |e| e.update_user(ada, Expect::Any, &user("ada", &[])).map(|_| ())).await,
        store
            .change(stamp(), move |e| {
                let mut off = user("ada", &[Permission::SystemConfig]);
                off.enabled = false;
                e.update_user(ada, Expect::Any, &off).map(|_| ())
            })
            .await,
    ];
    for error in refused {
        assert!(error.err().unwrap().to_string().contains("must leave one enabled user with `SystemConfig`"));
    }
    store
        .change(stamp(), move |e| {
            e.create_user(&user("bob", &[Permission::SystemConfig, Permission::ViewMetrics]), &hash("y"))?;
            e.delete_user(ada, Expect::Version(1))
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn users_show_no_hash() {
    let (_temp, store, ada) = with_admin().await;
    let shown = store.read(move |view| view.user(ada)).await.unwrap();
    assert!(!serde_json::to_string(&shown).unwrap().contains("argon2"));
    assert!(shown.password == hash("x"));
    let error =
        store.change(stamp(), |e| Ok(e.create_user(&user("eve", &[]), &PasswordHash("plain".into()))?.id));
    assert!(error.await.is_err(), "the table takes argon2id hashes only");
}

#[tokio::test]
async fn a_refresh_token_works_once_and_its_copy_ends_the_session() {
    let (_temp, store, ada) = with_admin().await;
    note(&store, move |n| n.begin_session(&session("s1", ada), token(1))).await;
    let first = note(&store, |n| n.refresh(token(1), token(2), NOW.plus_ms(1))).await;
    assert!(matches!(first, Refreshed::Next(s) if s.id == "s1"));
    let second = note(&store, |n| n.refresh(token(2), token(3), NOW.plus_ms(2))).await;
    assert!(matches!(second, Refreshed::Next(_)));
    let stolen = note(&store, |n| n.refresh(token(1), token(9), NOW.plus_ms(3))).await;
    assert!(matches!(stolen, Refreshed::Replayed(s) if s.revoked_at == Some(NOW.plus_ms(3))));
    assert_eq!(note(&store, |n| n.refresh(token(3), token(4), NOW.plus_ms(4))).await, Refreshed::Refused);
    assert_eq!(note(&store, |n| n.refresh(token(77), token(4), NOW)).await, Refreshed::Refused);
    assert_eq!(store.read(|view| view.live_session("s1", NOW)).await.unwrap(), None);
}

#[tokio::test]
async fn two_windows_that_refresh_at_once_do_not_end_the_session() {
    let (_temp, store, ada) = with_admin().await;
    let long = Session { expires_at: NOW.plus_ms(1_000_000), ..session("s1", ada) };
    note(&store, move |n| n.begin_session(&long, token(1))).await;
    note(&store, |n| n.refresh(token(1), token(2), NOW)).await;
    let again = note(&store, |n| n.refresh(token(1), token(3), NOW.plus_ms(9_999))).await;
    assert_eq!(again, Refreshed::JustUsed);
    let next = note(&store, |n| n.refresh(token(2), token(4), NOW.plus_ms(9_999))).await;
    assert!(matches!(next, Refreshed::Next(_)));
    let late = note(&store, |n| n.refresh(token(2), token(5), NOW.plus_ms(20_000))).await;
    assert!(matches!(late, Refreshed::Replayed(_)), "too late for a second window");
}

#[tokio::test]
async fn sessions_end_with_time_password_and_user() {
    let (_temp, store, ada) = with_admin().await;
    note(&store, move |n| {
        n.begin_session(&session("s1", ada), token(1))?;
        n.begin_session(&session("s2", ada), token(2))
    })
    .await;
    let live = async |at: UnixMs| store.read(move |view| view.sessions(ada, at)).await.unwrap().len();
    assert_eq!((live(NOW).await, live(NOW.plus_ms(10_000)).await), (2, 0));
    assert_eq!(
        note(&store, |n| n.refresh(token(1), token(3), NOW.plus_ms(10_000))).await,
        Refreshed::Refused
    );
    store.change(stamp(), move |e| e.set_password(ada, &hash("z"), Some("s2"))).await.unwrap();
    assert_eq!(live(NOW).await, 1, "the one that set it goes on");
    store.change(stamp(), move |e| e.set_password(ada, &hash("y"), None)).await.unwrap();
    assert_eq!(live(NOW).await, 0);
    note(&store, move |n| n.begin_session(&session("s3", ada), token(5))).await;
    assert_eq!(note(&store, move |n| n.end_sessions(ada, NOW)).await, 1);
    assert_eq!(note(&store, |n| n.prune_sessions(NOW.plus_ms(10_001), 100)).await, 3);
}

#[tokio::test]
async fn a_setup_link_works_once() {
    let (_temp, store) = config().await;
    let until = NOW.plus_ms(1000);
    note(&store, move |n| n.issue_one_time(token(1), Purpose::Setup, None, (NOW, until))).await;
    note(&store, move |n| n.issue_one_time(token(2), Purpose::Setup, None, (NOW, until))).await;
    let redeem = async |t, purpose, at| {
        let by = Stamp { at, ..stamp() };
        store.change(by, move |e| e.redeem_one_time(token(t), purpose)).await.unwrap().value
    };
    assert_eq!(redeem(1, Purpose::Setup, NOW).await, None, "a newer link replaced it");
    assert_eq!(redeem(2, Purpose::PasswordReset, NOW).await, None);
    assert_eq!(redeem(2, Purpose::Setup, until).await, None, "expired");
    assert_eq!(redeem(2, Purpose::Setup, NOW).await, Some(None));
    assert_eq!(redeem(2, Purpose::Setup, NOW).await, None, "used");
}

#[tokio::test]
async fn logins_are_counted_and_audited_without_an_epoch() {
    let (_temp, store, ada) = with_admin().await;
    let refused = LoginOutcome::Refused { locked_until: Some(NOW.plus_ms(500)) };
    note(&store, move |n| {
        n.note_login(ada, refused, NOW)?;
        let entry = Entry {
            verb: Verb::LoginRefused,
            object: Object::User,
            id: ada.to_string(),
            name: "ada".to_owned(),
            before: None,
            after: None,
        };
        n.add_audit(&stamp(), &entry)
    })
    .await;
    let seen = store.read(move |view| view.user(ada)).await.unwrap();
    assert_eq!((seen.failed_logins, seen.locked_until), (1, Some(NOW.plus_ms(500))));
    note(&store, move |n| n.note_login(ada, LoginOutcome::Accepted, NOW)).await;
    let seen = store.read(move |view| view.user(ada)).await.unwrap();
    assert_eq!((seen.failed_logins, seen.locked_until, seen.last_login_at), (0, None, Some(NOW)));
    let (epoch, audit) = store
        .read(|view| Ok((view.epoch()?, view.audit(&Default::default(), Page::first(1))?)))
        .await
        .unwrap();
    assert_eq!((epoch, audit[0].verb, audit[0].epoch), (1, Verb::LoginRefused, None));
    assert_eq!(note(&store, |n| n.prune_audit(NOW.plus_ms(1), 10)).await, 2);
}

#[tokio::test]
async fn a_repeated_post_gets_the_first_answer() {
    let (_temp, store) = config().await;
    let begin =
        async |request: u8, at| note(&store, move |n| n.begin_once("ada", "k1", &[request; 32], at)).await;
    assert_eq!(begin(1, NOW).await, Repeat::First);
    assert_eq!(begin(1, NOW).await, Repeat::Underway);
    note(&store, |n| n.abandon_once("ada", "k1")).await;
    assert_eq!(begin(1, NOW).await, Repeat::First);
    note(&store, |n| n.finish_once("ada", "k1", 201, "{}")).await;
    note(&store, |n| n.abandon_once("ada", "k1")).await;
    assert_eq!(begin(1, NOW).await, Repeat::Done { status: 201, reply: "{}".to_owned() });
    assert_eq!(begin(2, NOW).await, Repeat::Mismatch);
    assert_eq!(begin(2, NOW.plus_ms(KEPT_MS)).await, Repeat::First, "forgotten after a day");
    assert_eq!(note(&store, |n| n.prune_once(NOW.plus_ms(3 * KEPT_MS), 10)).await, 1);
}

#[tokio::test]
async fn events_are_filtered_and_pruned() {
    let (_temp, store) = config().await;
    note(&store, |n| {
        for i in 0..10 {
            n.add_event(&NewEvent {
                at: NOW.plus_ms(i),
                severity: if i % 5 == 0 { Severity::Critical } else { Severity::Info },
                kind: "worker.exited".to_owned(),
                subject: if i < 5 { "a".to_owned() } else { "b".to_owned() },
                generation: Some(i),
                message: "worker a ended with signal 9".to_owned(),
                detail: serde_json::Map::new(),
            })?;
        }
        Ok(())
    })
    .await;
    let count = async |filter: EventFilter| {
        store.read(move |view| view.events(&filter, Page::first(100))).await.unwrap().len()
    };
    assert_eq!(count(EventFilter { subject: Some("a".to_owned()), ..EventFilter::default() }).await, 5);
    assert_eq!(count(EventFilter { severity: Some(Severity::Critical), ..EventFilter::default() }).await, 2);
    assert_eq!(count(EventFilter { since: Some(NOW.plus_ms(7)), ..EventFilter::default() }).await, 3);
    assert_eq!(note(&store, |n| n.prune_events(NOW.plus_ms(4), 3)).await, 3);
    assert_eq!(count(EventFilter::default()).await, 7);
}

#[tokio::test]
async fn a_sweep_comes_again_while_there_is_more() {
    let (_temp, store) = config().await;
    note(&store, |n| {
        for i in 0..1500 {
            n.add_event(&NewEvent {
                at: NOW.plus_ms(i),
                severity: Severity::Info,
                kind: "worker.ready".to_owned(),
                subject: "a".to_owned(),
                generation: None,
                message: "worker a is ready".to_owned(),
                detail: serde_json::Map::new(),
            })?;
        }
        Ok(())
    })
    .await;
    let keep = Keep { events: 1, ..Keep::default() };
    let sweep = async |at| note(&store, move |n| n.sweep(keep, at)).await;
    let later = NOW.plus_ms(86_400_000 + 1400);
    assert_eq!(sweep(NOW).await, Swept::Done);
    assert_eq!(
        (sweep(later).await, sweep(later).await, sweep(later).await),
        (Swept::More, Swept::Done, Swept::Done)
    );
    let left = store.read(|view| view.events(&EventFilter::default(), Page::first(500))).await.unwrap();
    assert_eq!(left.len(), 100);
}
