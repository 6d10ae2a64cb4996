//! What the router tells the supervisor unasked: events, and that its memory has changed. A bounded queue
//! between whoever notices something and the control conversation; nobody on the way of a call ever waits.

use protocol::ipc::notice::Notice;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;

/// Notices that wait for the control conversation; more are counted and dropped.
const WAITING: usize = 256;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    Info,
    Warning,
    Critical,
}

/// The queue. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Notices(Arc<Queue>);

#[derive(Default)]
struct Queue {
    waiting: Mutex<Vec<Notice>>,
    dropped: AtomicU64,
    /// Counts changes of what the next router must know.
    changes: AtomicU64,
    news: Notify,
}

impl Notices {
    /// Something happened to `subject`.
    pub(crate) fn tell(
        &self,
        severity: Severity,
        kind: &str,
        subject: &str,
        message: String,
        detail: serde_json::Value,
    ) {
        match severity {
            Severity::Info => tracing::info!(subject, kind, "{message}"),
            Severity::Warning | Severity::Critical => tracing::warn!(subject, kind, "{message}"),
        }
        let notice = Notice {
            at: i64::try_from(now_ms()).unwrap_or(i64::MAX),
            severity: severity.name().to_owned(),
            kind: kind.to_owned(),
            subject: subject.to_owned(),
            message,
            detail,
        };
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < WAITING {
            waiting.push(notice);
            drop(waiting);
            self.0.news.notify_one();
        } else {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What the next router must know has changed.
    pub(crate) fn changed(&self) {
        self.0.changes.fetch_add(1, Ordering::Relaxed);
        self.0.news.notify_one();
    }

    /// Waits until something was told or changed. Cancel safe; wakes one waiter.
    pub(crate) async fn news(&self) {
        self.0.news.notified().await;
    }

    /// Everything told since the last time, and how many could not be kept.
    pub(crate) fn take(&self) -> (Vec<Notice>, u64) {
        let told = std::mem::take(&mut *self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        (told, self.0.dropped.swap(0, Ordering::Relaxed))
    }

    /// How many changes there were so far.
    pub(crate) fn changes(&self) -> u64 {
        self.0.changes.load(Ordering::Relaxed)
    }
}

impl Severity {
    fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_told_is_taken_once_and_what_is_too_much_is_counted() {
        let notices = Notices::default();
        for n in 0..WAITING + 3 {
            notices.tell(Severity::Info, "test.told", "a", format!("{n}"), serde_json::Value::Null);
        }
        notices.news().await;
        let (told, dropped) = notices.take();
        assert_eq!((told.len(), dropped, told[0].message.as_str()), (WAITING, 3, "0"));
        assert_eq!(notices.take(), (vec![], 0));
        notices.changed();
        notices.news().await;
        assert_eq!(notices.changes(), 1);
    }
}
