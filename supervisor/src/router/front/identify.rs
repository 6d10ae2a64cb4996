//! Who calls: from the key in the request to an app. Knows hashes only; decides nothing about limits.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use protocol::ipc::configure::{App, AppKey};
use protocol::model::{Failure, FailureKind};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// The app of callers without a key on an open listener.
const DEFAULT_APP: &str = "default";
/// Where clients of the different dialects put their key, besides `authorization`.
const KEY_HEADERS: [&str; 3] = ["x-api-key", "api-key", "x-goog-api-key"];

/// Whom a listener lets in without a valid key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Everybody,
    /// Whoever asks for it by a local name; see `web::hosts`.
    Local,
    Nobody,
}

/// The app a call is made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) app: Arc<str>,
    /// What its operator says about the app.
    pub(crate) policy: Arc<App>,
    /// Absent = the door was open.
    pub(crate) key: Option<Arc<AppKey>>,
}

impl Caller {
    fn without_key(app: App) -> Self {
        Self { app: app.name.as_str().into(), policy: Arc::new(app), key: None }
    }

    fn has_expired(&self, now_ms: u64) -> bool {
        self.key.as_ref().and_then(|key| key.expires_ms).is_some_and(|end| end <= now_ms)
    }
}

/// A key hash that is not 64 hexadecimal digits.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the app `{app}` has a key hash that is not 64 hexadecimal digits")]
pub(crate) struct CallersError {
    app: String,
}

/// Bytes of a hash that keys are searched by.
const SORTED: usize = 8;

/// All apps by key hash.
#[derive(Debug)]
pub(crate) struct Callers {
    apps: Vec<Arc<App>>,
    /// Sorted by hash.
    keys: Vec<([u8; 32], Caller)>,
    default: Caller,
}

impl Callers {
    /// The callers of a configuration.
    pub(crate) fn new(apps: &[App]) -> Result<Self, CallersError> {
        let mut keys = Vec::new();
        let mut all = Vec::with_capacity(apps.len() + 1);
        let mut default = Caller::without_key(App::named(DEFAULT_APP));
        for app in apps {
            let caller = Caller::without_key(app.clone());
            all.push(Arc::clone(&caller.policy));
            for key in &app.keys {
                let hash = unhex(&key.hash).ok_or_else(|| CallersError { app: app.name.clone() })?;
                keys.push((hash, Caller { key: Some(Arc::new(key.clone())), ..caller.clone() }));
            }
            if app.name == DEFAULT_APP {
                default = caller;
            }
        }
        all.push(Arc::clone(&default.policy));
        keys.sort_by_key(|(hash, _): &([u8; 32], Caller)| *hash);
        Ok(Self { apps: all, keys, default })
    }

    /// An app as callers without a key are it, where a listener says so.
    pub(crate) fn named(&self, app: &str) -> Option<Caller> {
        let policy = self.policy(app)?;
        Some(Caller { app: policy.name.as_str().into(), policy, key: None })
    }

    /// What is said about an app, or about the default one where nothing is.
    pub(crate) fn policy(&self, app: &str) -> Option<Arc<App>> {
        self.apps.iter().find(|known| known.name == app).map(Arc::clone)
    }

    /// The caller with these headers. On an open door every key that is none of ours passes as the listener's app
    /// (`host`; none = the default one), because client libraries always send one. `in_query` is the key of a query,
    /// where one was.
    pub(crate) fn identify(
        &self,
        headers: &HeaderMap,
        in_query: Option<&str>,
        (door, host): (Door, Option<&Caller>),
        now_ms: u64,
    ) -> Result<Caller, Box<Failure>> {
        let key = presented(headers).or(in_query.map(str::as_bytes));
        match key.and_then(|key| self.holder(key)) {
            Some(caller) if caller.has_expired(now_ms) => return Err(refused("the API key has expired")),
            Some(caller) => return Ok(caller.clone()),
            None => {}
        }
        match (door, key) {
            (Door::Everybody | Door::Local, _) => Ok(host.unwrap_or(&self.default).clone()),
            (Door::Nobody, Some(_)) => Err(refused("the API key is not valid")),
            (Door::Nobody, None) => {
                Err(refused("no API key: send one as `Authorization: Bearer KEY` or `x-api-key: KEY`"))
            }
        }
    }

    /// Compares in constant time with the keys whose hashes begin alike: hardly ever more than one, of however many
    /// there are. Where the search leads says something about the key's hash only, which is as hard to aim at as
    /// it is to guess a key.
    fn holder(&self, key: &[u8]) -> Option<&Caller> {
        let hash: [u8; 32] = Sha256::digest(key).into();
        let from = self.keys.partition_point(|(known, _)| known[..SORTED] < hash[..SORTED]);
        let alike = self.keys[from..].iter().take_while(|(known, _)| known[..SORTED] == hash[..SORTED]);
        let mut holder = None;
        for (known, caller) in alike {
            if bool::from(known.ct_eq(&hash)) {
                holder = Some(caller);
            }
        }
        holder
    }
}

fn refused(message: &str) -> Box<Failure> {
    Box::new(Failure::new(FailureKind::Unauthenticated, message))
}

/// The key in the headers; empty ones count as none.
fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    let bearer = headers.get(AUTHORIZATION).and_then(|v| {
        let (scheme, key) = v.as_bytes().split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then(|| key.trim_ascii())
    });
    let named =
        || KEY_HEADERS.iter().filter_map(|name| headers.get(*name)).map(|v| v.as_bytes().trim_ascii());
    bearer.into_iter().chain(named()).find(|key| !key.is_empty())
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callers() -> Callers {
        let hash = |key: &str| Sha256::digest(key).iter().map(|b| format!("{b:02x}")).collect::<String>();
        let app = |name: &str, keys: &[&str], strict| App {
            keys: keys.iter().map(|k| AppKey { expires_ms: Some(500), ..AppKey::new(*k, hash(k)) }).collect(),
            strict,
            ..App::named(name)
        };
        Callers::new(&[app("web", &["k1", "k2"], true), app("cli", &["k3"], false)]).unwrap()
    }

    fn who(header: &str, value: &str, door: Door) -> Result<String, String> {
        let mut headers = HeaderMap::new();
        if !header.is_empty() {
            headers.insert(http::HeaderName::try_from(header).unwrap(), value.parse().unwrap());
        }
        callers()
            .identify(&headers, None, (door, None), 499)
            .map(|c| c.app.to_string())
            .map_err(|f| f.message)
    }

    #[test]
    fn every_place_of_a_key_is_read() {
        for (header, value, app) in [
            ("authorization", "Bearer k1", "web"),
            ("authorization", "bearer  k2 ", "web"),
            ("x-api-key", "k3", "cli"),
            ("api-key", "k3", "cli"),
            ("x-goog-api-key", "k3", "cli"),
        ] {
            assert_eq!(who(header, value, Door::Nobody).as_deref(), Ok(app), "{header}: {value}");
            assert_eq!(who(header, value, Door::Everybody).as_deref(), Ok(app), "{header}: {value}");
        }
    }

    #[test]
    fn wrong_or_missing_keys_pass_open_doors_only() {
        for (header, value) in
            [("", ""), ("authorization", "Bearer wrong"), ("authorization", "Basic k1"), ("x-api-key", "")]
        {
            assert!(who(header, value, Door::Nobody).is_err(), "{header}: {value}");
            assert_eq!(who(header, value, Door::Everybody).as_deref(), Ok("default"), "{header}: {value}");
        }
    }

    #[test]
    fn a_listener_gives_its_app_to_callers_without_a_key_only() {
        let callers = callers();
        let host = callers.named("cli");
        let who = |key: &str| {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, format!("Bearer {key}").parse().unwrap())]);
            let caller = callers.identify(&headers, None, (Door::Local, host.as_ref()), 499).unwrap();
            (caller.app.to_string(), caller.key.is_some())
        };
        assert_eq!((who("k1"), who("unused")), (("web".to_owned(), true), ("cli".to_owned(), false)));
        let nothing = HeaderMap::new();
        let caller = callers.identify(&nothing, None, (Door::Local, host.as_ref()), 499).unwrap();
        assert_eq!((&*caller.app, caller.policy.name.as_str()), ("cli", "cli"));
        assert!(callers.identify(&nothing, None, (Door::Nobody, host.as_ref()), 499).is_err());
        assert_eq!(callers.named("nobody"), None);
    }

    #[test]
    fn an_expired_key_is_told_apart_even_at_an_open_door() {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, "Bearer k1".parse().unwrap())]);
        for door in [Door::Nobody, Door::Everybody] {
            let failure = callers().identify(&headers, None, (door, None), 500).unwrap_err();
            assert_eq!(failure.message, "the API key has expired");
        }
    }

    #[test]
    fn a_hash_that_is_none_is_refused() {
        for bad in ["", "zz", &"+f".repeat(32), &"0".repeat(63)] {
            let app = App { keys: vec![AppKey::new("k", bad)], ..App::named("a") };
            assert_eq!(Callers::new(&[app]).unwrap_err(), CallersError { app: "a".into() });
        }
    }
}
