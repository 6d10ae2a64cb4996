//! Calls side by side against the limits of one app.

use super::super::Meters;
use super::*;
use crate::router::tests::empty_config;
use protocol::ipc::configure::{AppKey, Budget, Rates};
use protocol::ipc::notice::Memory;
use std::time::Duration;

const NOW: u64 = 1_800_000_000_000;

fn meters(change: impl FnOnce(&mut App), before: Option<&Meters>) -> Meters {
    let mut app = App::named("x");
    change(&mut app);
    let mut config = empty_config();
    config.apps = vec![app];
    Meters::new(&config, before)
}

fn per_minute(n: u64) -> Limits {
    Limits { rates: Rates { requests_per_minute: Some(n), ..Rates::default() }, ..Limits::default() }
}

async fn admit(meters: &Meters, key: Option<&str>, tokens: u64) -> Result<Admission, Over> {
    let meter = meters.app("x").expect("a limited app");
    meter.admit(&"x".into(), key, Use { tokens, cost: None }, NOW).await
}

#[tokio::test]
async fn an_unlimited_app_has_no_meter() {
    assert!(meters(|_| {}, None).app("x").is_none());
    assert!(meters(|_| {}, None).app("y").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_callers_at_once_get_exactly_what_there_is() {
    let limited = Arc::new(meters(|app| app.limits = per_minute(100), None));
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let limited = Arc::clone(&limited);
        callers.spawn(async move {
            let mut admitted = 0;
            for _ in 0..16 {
                admitted += usize::from(admit(&limited, None, 0).await.is_ok());
            }
            admitted
        });
    }
    let admitted: usize = callers.join_all().await.into_iter().sum();
    // A hundred at once, and one for each six tenths of a second that the test took.
    assert!((100..=120).contains(&admitted), "{admitted}");
    let over = admit(&limited, None, 0).await.err().unwrap();
    assert_eq!(over.message, "the app `x` has used its 100 requests per minute");
    assert!(over.wait > Duration::ZERO && over.wait <= Duration::from_millis(600));
}

#[tokio::test]
async fn a_key_has_bounds_within_those_of_its_app() {
    let limited = meters(
        |app| {
            app.limits = per_minute(3);
            app.keys = vec![AppKey { limits: per_minute(1), ..AppKey::new("ci", "h") }];
        },
        None,
    );
    assert!(admit(&limited, Some("ci"), 0).await.is_ok());
    let over = admit(&limited, Some("ci"), 0).await.err().unwrap();
    assert_eq!(over.message, "the key `x/ci` has used its 1 requests per minute");
    assert!(admit(&limited, Some("other"), 0).await.is_ok());
    assert!(admit(&limited, None, 0).await.is_ok(), "the refused one did not count");
    assert!(admit(&limited, None, 0).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn calls_beyond_those_at_once_wait_and_give_up_in_time() {
    let bounds = Limits { concurrent: Some(1), queue: 1, wait_ms: 500, ..Limits::default() };
    let limited = meters(|app| app.limits = bounds, None);
    let first = admit(&limited, None, 0).await.ok().unwrap();
    let start = tokio::time::Instant::now();
    let (waited, crowded) = tokio::join!(admit(&limited, None, 0), admit(&limited, None, 0));
    assert!(waited.is_err() && crowded.is_err());
    assert_eq!(start.elapsed(), Duration::from_millis(500), "one waited, the other had no room to");
    let next = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(first);
    };
    let (admitted, ()) = tokio::join!(admit(&limited, None, 0), next);
    assert!(admitted.is_ok());
}

#[tokio::test]
async fn what_was_reserved_is_settled_or_given_back() {
    let limited = meters(
        |app| {
            app.limits.rates.tokens_per_minute = Some(1000);
            app.budgets.daily = Budget { tokens: Some(1000), cost: vec![] };
        },
        None,
    );
    let level = |name: &str| {
        let levels = limited.levels("x", NOW);
        levels.iter().find(|l| l.limit == name).map(|l| l.used).unwrap()
    };
    let first = admit(&limited, None, 600).await.ok().unwrap();
    assert!(admit(&limited, None, 600).await.is_err());
    first.settle(&Use { tokens: 100, cost: None });
    assert_eq!((level("tokens_per_day"), level("tokens_per_minute") / 10), (100, 10));
    drop(admit(&limited, None, 900).await.ok().unwrap());
    assert_eq!(level("tokens_per_day"), 100, "a call that came to nothing");
}

#[tokio::test]
async fn counts_survive_a_new_configuration_and_a_new_router() {
    let limit = |app: &mut App| {
        app.limits = per_minute(2);
        app.budgets.monthly = Budget { tokens: Some(100), cost: vec![] };
    };
    let first = meters(limit, None);
    admit(&first, None, 40).await.ok().unwrap().settle(&Use { tokens: 40, cost: None });
    let second = meters(limit, Some(&first));
    let running = admit(&second, None, 30).await.ok().unwrap();
    assert!(admit(&second, None, 1).await.is_err(), "two requests");
    let mut memory = Memory { at_ms: NOW, ..Memory::default() };
    second.save(&mut memory);
    let next = meters(limit, None);
    next.recall(&memory, NOW);
    let over = admit(&next, None, 1).await.err().unwrap();
    assert!(over.message.contains("requests per minute"), "{}", over.message);
    next.recall(&memory, NOW + 60_000);
    let levels = next.levels("x", NOW);
    let spent = levels.iter().find(|l| l.limit == "tokens_per_month").unwrap();
    assert_eq!(spent.used, 70, "what runs elsewhere counts as spent");
    drop(running);
}

#[tokio::test]
async fn what_other_routers_held_is_forgotten_while_nothing_is_bounded() {
    let bounded = |app: &mut App| app.limits.concurrent = Some(2);
    let used = |meters: &Meters| {
        let levels = meters.levels("x", NOW);
        levels.iter().find(|level| level.limit == "concurrent").map(|level| level.used)
    };
    let first = meters(bounded, None);
    let places = vec![SavedPlaces { of: "app:x".to_owned(), taken: 2 }];
    first.share(&Beside { routers: 1, places });
    assert_eq!(used(&first), Some(2));
    let second = meters(|_| {}, Some(&first));
    second.share(&Beside::default());
    assert_eq!(used(&meters(bounded, Some(&second))), Some(0));
}
