//! Pages of lists, from the words of the contract to those of the store, and the wait for a first row.

use crate::store::page::Page as StorePage;
use protocol::control::record::Page;
use protocol::control::{FieldError, Refusal, RefusalKind};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// The longest anybody waits.
const LONGEST: Duration = Duration::from_secs(30);

/// The page with its keys read.
pub(super) fn read<K>(page: &Page, key: impl Fn(&str) -> Option<K>) -> Result<StorePage<K>, Refusal> {
    let read = |field: &str, text: &Option<String>| match text.as_deref() {
        None | Some("") => Ok(None),
        Some(text) => key(text).map(Some).ok_or_else(|| wrong(field, "is no key of a row of this list")),
    };
    let (before, after) = (read("page.before", &page.before)?, read("page.after", &page.after)?);
    Ok(StorePage { before, after, limit: page.limit })
}

/// A value that makes no sense.
pub(super) fn wrong(field: &str, problem: &str) -> Refusal {
    let error = FieldError { field: field.to_owned(), message: problem.to_owned() };
    let mut refusal = Refusal::new(RefusalKind::Invalid, format!("{field} {problem}"));
    refusal.fields.push(error);
    refusal
}

/// Looks, and while there is nothing and somebody waits for it, looks again after every change.
pub(super) async fn follow<T, L>(
    page: &Page,
    mut changes: watch::Receiver<u64>,
    look: impl Fn() -> L,
) -> Result<Vec<T>, Refusal>
where
    L: Future<Output = Result<Vec<T>, Refusal>>,
{
    let wait =
        if page.after.is_some() { Duration::from_millis(page.wait_ms).min(LONGEST) } else { Duration::ZERO };
    let until = Instant::now() + wait;
    loop {
        // Marked before the look: what comes in between is seen by the next one.
        changes.mark_unchanged();
        let rows = look().await?;
        if !rows.is_empty() || Instant::now() >= until {
            return Ok(rows);
        }
        match timeout_at(until, changes.changed()).await {
            Ok(Ok(())) => {}
            // The time is over, or nothing will change any more.
            Err(_) | Ok(Err(_)) => return Ok(rows),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::ready;

    #[tokio::test(start_paused = true)]
    async fn whoever_follows_waits_for_the_first_row_and_no_longer_than_said() {
        let (change, changes) = watch::channel(0);
        let page = Page { after: Some("1".into()), wait_ms: 5000, ..Page::default() };
        let seen = changes.clone();
        let following =
            follow(&page, changes.clone(), || ready(Ok(if *seen.borrow() == 2 { vec![7] } else { vec![] })));
        let changing = async {
            for n in 1..=2 {
                tokio::time::sleep(Duration::from_secs(1)).await;
                change.send_replace(n);
            }
        };
        let began = Instant::now();
        let (found, ()) = tokio::join!(following, changing);
        assert_eq!((found.unwrap(), began.elapsed().as_secs()), (vec![7], 2));
        let nothing = follow(&page, changes.clone(), || ready(Ok(Vec::<u8>::new()))).await;
        assert_eq!((nothing.unwrap(), began.elapsed().as_secs()), (vec![], 7));
        let page = Page { after: None, ..page };
        follow(&page, changes, || ready(Ok(Vec::<u8>::new()))).await.unwrap();
        assert_eq!(began.elapsed().as_secs(), 7);
    }

    #[test]
    fn keys_that_are_none_are_named() {
        let page = Page { before: Some("x".into()), ..Page::default() };
        let refusal = read(&page, |text| text.parse::<i64>().ok()).unwrap_err();
        assert_eq!(refusal.fields[0].field, "page.before");
        let page = Page { after: Some("7".into()), ..Page::default() };
        assert_eq!(read(&page, |text| text.parse::<i64>().ok()).unwrap().after, Some(7));
    }
}
