//! Names to addresses, through the C library, at most once at a time per name.
//!
//! The C library blocks a thread per lookup; a thousand calls to one cold host must not become a thousand
//! threads in a process with a bounded address space. Callers of the same name share one lookup, and its
//! answer for a few seconds. Literal addresses never come here.

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use tower_service::Service;

/// How long an answer is shared. Far below any sensible TTL; the pool keeps connections far longer.
const FRESH: Duration = Duration::from_secs(5);
/// How long a failure is shared.
const STALE: Duration = Duration::from_secs(1);

/// A name that has no address.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the name {name} cannot be resolved: {reason}")]
pub(super) struct ResolveError {
    pub(super) name: String,
    reason: String,
}

type Outcome = Result<Vec<SocketAddr>, ResolveError>;

#[derive(Debug)]
struct Lookup {
    since: Instant,
    outcome: OnceCell<Outcome>,
}

/// Shares lookups among its clones.
#[derive(Clone, Debug, Default)]
pub(super) struct Resolver {
    lookups: Arc<Mutex<HashMap<String, Arc<Lookup>>>>,
}

impl Resolver {
    /// The lookup to join, or a new one. Forgets the old ones, so that the table stays small.
    fn lookup(&self, name: &str, now: Instant) -> Arc<Lookup> {
        let mut lookups = self.lookups.lock().unwrap_or_else(PoisonError::into_inner);
        lookups.retain(|_, l| l.is_fresh(now));
        let new = || Arc::new(Lookup { since: now, outcome: OnceCell::new() });
        Arc::clone(lookups.entry(name.to_owned()).or_insert_with(new))
    }
}

impl Lookup {
    fn is_fresh(&self, now: Instant) -> bool {
        let age = now.saturating_duration_since(self.since);
        match self.outcome.get() {
            None => true,
            Some(Ok(_)) => age < FRESH,
            Some(Err(_)) => age < STALE,
        }
    }
}

async fn ask(name: Name) -> Outcome {
    let text = name.as_str().to_owned();
    let failed = |reason: String| ResolveError { name: text.clone(), reason };
    let answer = GaiResolver::new().call(name).await.map_err(|e| failed(e.to_string()))?;
    let addresses: Vec<SocketAddr> = answer.collect();
    if addresses.is_empty() { Err(failed("it has no address".to_owned())) } else { Ok(addresses) }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = ResolveError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let lookup = self.lookup(name.as_str(), Instant::now());
        Box::pin(async move {
            let outcome = lookup.outcome.get_or_init(|| ask(name)).await;
            outcome.clone().map(Vec::into_iter)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::str::FromStr;

    #[tokio::test]
    async fn a_name_is_asked_once_and_shared() {
        let resolver = Resolver::default();
        let name = || Name::from_str("localhost").unwrap();
        let first: Vec<_> = resolver.clone().call(name()).await.unwrap().collect();
        assert!(first.iter().all(|a| a.ip().is_loopback()) && !first.is_empty());
        let (now, lookup) = (Instant::now(), resolver.lookup("localhost", Instant::now()));
        assert!(Arc::ptr_eq(&lookup, &resolver.lookup("localhost", now)));
        assert!(!Arc::ptr_eq(&lookup, &resolver.lookup("localhost", now + FRESH)));
    }

    #[tokio::test]
    async fn a_failure_names_the_host_and_is_forgotten_sooner() {
        let resolver = Resolver::default();
        let error = resolver.clone().call(Name::from_str("no-such-host.invalid").unwrap()).await.unwrap_err();
        assert!(error.to_string().starts_with("the name no-such-host.invalid cannot be resolved: "));
        let lookup = resolver.lookup("no-such-host.invalid", Instant::now());
        assert!(!lookup.is_fresh(lookup.since + STALE));
    }
}
