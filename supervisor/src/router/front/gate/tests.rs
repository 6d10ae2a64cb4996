//! Fairness and bounds of the queue; permits that are never lost.

use super::*;
use proptest::prelude::*;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

fn app(name: &str) -> Arc<str> {
    name.into()
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn apps_take_turns() {
    let mut places = Places::new(1, 10);
    assert!(places.take());
    for (name, n) in [("a", 1), ("a", 2), ("a", 3), ("b", 4), ("c", 5), ("b", 6)] {
        places.queue(&app(name), n).unwrap();
    }
    let mut order = vec![];
    while places.queued > 0 {
        places.taken -= 1;
        order.extend(places.admit());
    }
    assert_eq!(order, [1, 4, 5, 2, 6, 3]);
}

#[test]
fn whoever_fills_the_queue_gives_way_to_others() {
    let gate = Gate::new(1, 4);
    let (greedy, modest) = (app("greedy"), app("modest"));
    let Poll::Ready(Ok(_place)) = poll(pin!(gate.enter(&greedy))) else { panic!("the first call gets in") };
    let mut waiting: Vec<_> = (0..4).map(|_| Box::pin(gate.enter(&greedy))).collect();
    waiting.iter_mut().for_each(|call| assert!(poll(call.as_mut()).is_pending()));
    assert!(matches!(poll(pin!(gate.enter(&greedy))), Poll::Ready(Err(QueueFull))));
    let mut others: Vec<_> = (0..2).map(|_| Box::pin(gate.enter(&modest))).collect();
    others.iter_mut().for_each(|call| assert!(poll(call.as_mut()).is_pending(), "there is room for it"));
    let gone = waiting.iter_mut().rev().map(|call| poll(call.as_mut()).is_ready());
    assert_eq!(
        gone.collect::<Vec<_>>(),
        [true, true, false, false],
        "the last ones of the greedy app are told"
    );
    assert!(matches!(poll(pin!(gate.enter(&modest))), Poll::Ready(Err(QueueFull))), "both have two");
    assert_eq!(gate.load(), (1, 4));
}

#[test]
fn nobody_overtakes_the_queue() {
    let gate = Gate::new(1, 5);
    let (a, b) = (app("a"), app("b"));
    let Poll::Ready(Ok(first)) = poll(pin!(gate.enter(&a))) else { panic!("the first call gets in") };
    let mut second = pin!(gate.enter(&a));
    assert!(poll(second.as_mut()).is_pending());
    drop(first);
    assert!(poll(pin!(gate.enter(&b))).is_pending(), "the freed place belongs to the one who waited");
    let Poll::Ready(Ok(_permit)) = poll(second.as_mut()) else { panic!("the second call is in now") };
    assert_eq!(gate.load(), (1, 0), "the third gave up waiting");
}

#[test]
fn a_full_queue_refuses_at_once_also_those_who_wait_for_the_worker() {
    let gate = Gate::new(0, 2);
    let a = app("a");
    let _waiting = gate.wait().ok().unwrap();
    let mut queued = pin!(gate.enter(&a));
    assert!(poll(queued.as_mut()).is_pending());
    assert!(matches!(poll(pin!(gate.enter(&a))), Poll::Ready(Err(QueueFull))));
    assert!(gate.wait().is_err());
    gate.resize(1, 2);
    assert!(matches!(poll(queued.as_mut()), Poll::Ready(Ok(_))));
}

#[test]
fn a_place_handed_to_a_call_that_just_left_goes_on_to_the_next() {
    let gate = Gate::new(1, 5);
    let a = app("a");
    let Poll::Ready(Ok(first)) = poll(pin!(gate.enter(&a))) else { panic!("the first call gets in") };
    let mut next = pin!(gate.enter(&a));
    {
        let mut leaver = pin!(gate.enter(&a));
        assert!(poll(leaver.as_mut()).is_pending());
        assert!(poll(next.as_mut()).is_pending());
        drop(first);
    }
    assert!(matches!(poll(next.as_mut()), Poll::Ready(Ok(_))));
}

proptest! {
    /// Whatever happens, the books balance: nobody waits while a place is free, and limits hold.
    #[test]
    fn books_balance(max in 0u32..4, queue in 0u32..5, steps in proptest::collection::vec((0u8..3, 0u8..3), 0..60)) {
        let mut places = Places::new(max, queue);
        let mut waiting: Vec<u64> = vec![];
        let names = [app("a"), app("b"), app("c")];
        for (what, who) in steps {
            match what {
                0 => if !places.take() {
                    let full = places.queued >= queue;
                    let came = places.queue(&names[usize::from(who)], places.tickets + 1);
                    let here = |t: &u64| places.lines.iter().any(|(_, l)| l.iter().any(|(own, _)| own == t));
                    let before = waiting.len();
                    waiting.retain(here);
                    prop_assert!(waiting.len() + usize::from(full && came.is_some()) == before, "one gave way at most");
                    waiting.extend(came);
                },
                1 if places.taken > 0 => {
                    places.taken -= 1;
                    let admitted = places.admit();
                    waiting.retain(|t| !admitted.contains(t));
                }
                _ => if let Some(ticket) = waiting.pop() { places.leave(ticket) },
            }
            let lines: usize = places.lines.iter().map(|(_, l)| l.len()).sum();
            prop_assert_eq!(lines, places.queued as usize);
            prop_assert_eq!(waiting.len(), lines);
            prop_assert!(places.lines.iter().all(|(_, l)| !l.is_empty()));
            prop_assert!(places.taken <= max && places.queued <= queue);
            prop_assert!(places.queued == 0 || places.taken == max);
        }
    }

    /// However greedy others are: as long as it has somebody waiting, an app gets every n-th place that is freed,
    /// where n is the number of apps; and within an app those who came first go first.
    #[test]
    fn no_app_starves(
        before in proptest::collection::vec(0u8..4, 1..40),
        during in proptest::collection::vec(proptest::collection::vec(0u8..4, 0..4), 1..60),
    ) {
        let names = [app("a"), app("b"), app("c"), app("d")];
        let mut places = Places::new(1, 1000);
        prop_assert!(places.take());
        let mut waiting: [Vec<u64>; 4] = Default::default();
        let (mut ticket, mut passed_over) = (0, [0_usize; 4]);
        let mut join = |places: &mut Places<u64>, waiting: &mut [Vec<u64>; 4], who: u8| {
            ticket += 1;
            places.queue(&names[usize::from(who)], ticket).unwrap();
            waiting[usize::from(who)].push(ticket);
        };
        before.iter().for_each(|who| join(&mut places, &mut waiting, *who));
        for arrivals in during {
            arrivals.iter().for_each(|who| join(&mut places, &mut waiting, *who));
            places.taken -= 1;
            let Some(admitted) = places.admit().first().copied() else { break };
            let served = waiting.iter().position(|line| line.contains(&admitted)).unwrap();
            prop_assert_eq!(waiting[served].remove(0), admitted, "first come, first served");
            for (who, line) in waiting.iter().enumerate() {
                passed_over[who] = if who == served || line.is_empty() { 0 } else { passed_over[who] + 1 };
                prop_assert!(passed_over[who] < names.len(), "{} waits while others are served", names[who]);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn places_that_other_routers_have_are_taken_here_too() {
    let gate = Gate::new(2, 0);
    let app = app("a");
    gate.share(2);
    assert!(gate.is_full() && gate.load() == (2, 0));
    let patience = Duration::from_millis(100);
    let began = Instant::now();
    assert!(gate.enter_shared(&app, patience).await.is_err());
    assert_eq!(began.elapsed(), patience, "one may have been given back just now");
    let (entered, ()) = tokio::join!(gate.enter_shared(&app, patience), async {
        tokio::time::sleep(patience / 2).await;
        gate.share(1);
    });
    let place = entered.unwrap();
    assert_eq!((gate.taken(), gate.load()), (1, (2, 0)));
    gate.share(0);
    let second = gate.enter_shared(&app, patience).await.unwrap();
    let began = Instant::now();
    assert!(gate.enter_shared(&app, patience).await.is_err());
    assert_eq!(began.elapsed(), Duration::ZERO, "nobody else has any");
    // More than there are, as two routers took the last ones at the same moment: none until both gave back.
    gate.share(1);
    drop(place);
    assert!(gate.enter_shared(&app, patience).await.is_err());
    drop(second);
    assert!(gate.enter_shared(&app, patience).await.is_ok());
}
