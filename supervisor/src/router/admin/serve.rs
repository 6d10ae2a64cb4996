//! One request of the admin API, from its head to its response.

use super::answer::Context;
use super::credentials::{self, REFRESH_COOKIE, Shown, check_site};
use super::incoming::Incoming;
use super::openapi;
use super::problem::Problem;
use super::reply::{JSON, Reply, json, whole};
use super::route::{Does, Live, Page, Route};
use super::system::About;
use super::table::{Found, below_base, find};
use crate::BUILD;
use crate::router::asker::Asker;
use crate::router::web::body::{self, BodyError, Bounds};
use crate::router::web::hosts;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, EXPECT, HeaderName, IF_MATCH, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body::Body;
use protocol::control::ask::Origin;
use protocol::control::{Access, Ask, Caller, ControlReply, ControlRequest, Permission};
use protocol::ipc::configure::RouterLimits;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use uuid::Uuid;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// A larger body is no question of ours.
const LARGEST: u64 = 2 * 1024 * 1024;
/// Longer names of clients and requests are cut.
const LONGEST_NAME: usize = 200;
/// Longest idempotency key.
const LONGEST_KEY: usize = 200;

/// Where a request came in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visit {
    pub(crate) peer: IpAddr,
    /// The address is open because it is local: it answers to local names only.
    pub(crate) local_names_only: bool,
    pub(crate) limits: RouterLimits,
}

/// What came of a request.
pub(crate) enum Served {
    Reply(Reply),
    /// To be answered as it happens, to this caller, who may see it.
    Live(Live, Box<Caller>, Vec<Permission>),
}

/// Whether a path is one of the admin API.
pub(crate) fn owns(path: &str) -> bool {
    below_base(path).is_some()
}

/// Serves one request whose path it [`owns`].
pub(crate) async fn serve<B>(asker: &Asker, visit: Visit, parts: &Parts, body: &mut B) -> Served
where
    B: Body<Data = Bytes> + Unpin,
{
    let request = Request { visit, parts, id: request_id(&parts.headers) };
    let mut reply = match request.served(asker, body).await {
        Ok(Served::Reply(reply)) => reply,
        Ok(live) => return live,
        Err(problem) => problem.reply(&request.id),
    };
    if !body.is_end_stream() {
        reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        if !parts.headers.contains_key(EXPECT) {
            body::discard(body).await;
        }
    }
    if let Ok(id) = HeaderValue::from_str(&request.id) {
        reply.headers_mut().insert(REQUEST_ID, id);
    }
    Served::Reply(reply)
}

/// A route, and what its path says in the places of its names.
type Matched = (&'static Route, Vec<(&'static str, String)>);

struct Request<'a> {
    visit: Visit,
    parts: &'a Parts,
    id: String,
}

impl Request<'_> {
    async fn served<B>(&self, asker: &Asker, body: &mut B) -> Result<Served, Problem>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let headers = &self.parts.headers;
        self.check_head()?;
        let (route, path) = self.route()?;
        let access = route.access()?;
        let shown = Shown::of(headers);
        let refresh_cookie = credentials::cookie(headers, REFRESH_COOKIE).map(str::to_owned);
        if access != Access::Open && shown == Shown::Nothing {
            return Err(Problem::unauthenticated());
        }
        // Of the open ones only the exchange of a refresh token has a cookie for its proof.
        let cookie_is_proof = match access {
            Access::Open => route.id == "refresh" && refresh_cookie.is_some() && !has_body(body),
            Access::Person | Access::Needs(_) => matches!(shown, Shown::Cookie(_)),
        };
        check_site(&self.parts.method, &self.parts.uri, headers, cookie_is_proof)?;
        let make = match route.does {
            Does::Page(page) => return Ok(Served::Reply(self.page(page))),
            Does::Live(live, question) => return self.live(asker, live, &question(), shown).await,
            Does::Ask(make) => make,
        };
        let incoming = Incoming {
            path,
            query: self.parts.uri.query().unwrap_or_default().to_owned(),
            body: self.body(route, body).await?,
            version: version(headers)?,
            refresh_cookie,
        };
        let request = make(&incoming)?;
        let caller = self.caller(if access == Access::Open { Shown::Nothing } else { shown });
        let ask = Ask { caller, request, idempotency_key: self.idempotency_key(access)? };
        let reply = asker.ask(&ask).await;
        let context = Context {
            route,
            incoming: &incoming,
            request: &ask.request,
            request_id: &self.id,
            over_tls: credentials::came_over_tls(headers),
            now_ms: now(),
        };
        Ok(Served::Reply(context.answer(reply)))
    }

    fn route(&self) -> Result<Matched, Problem> {
        let path = self.parts.uri.path();
        match find(&self.parts.method, below_base(path).unwrap_or_default()) {
            Found::Route(route, names) => Ok((route, names)),
            Found::OtherMethod(allow) => Err(Problem::other_method(&self.parts.method, allow)),
            Found::Nothing => Err(Problem::nothing_here(path)),
        }
    }

    fn check_head(&self) -> Result<(), Problem> {
        let limit = self.visit.limits.header_bytes;
        let line = self.parts.uri.path_and_query().map_or(0, |p| p.as_str().len());
        let headers: usize = self.parts.headers.iter().map(|(n, v)| n.as_str().len() + v.len() + 4).sum();
        if (line + headers) as u64 > limit {
            return Err(Problem::head_too_large(limit));
        }
        if self.visit.local_names_only {
            let checked = hosts::check(&self.parts.uri, &self.parts.headers);
            checked.map_err(|foreign| Problem::forbidden(foreign.to_string()))?;
        }
        Ok(())
    }

    fn page(&self, page: Page) -> Reply {
        match page {
            Page::About => json(StatusCode::OK, JSON, &About { version: BUILD }),
            Page::OpenApi => whole(StatusCode::OK, JSON, openapi::document()),
        }
    }

    /// Asks who it is and leaves the rest to others, if they may see it.
    async fn live(
        &self,
        asker: &Asker,
        live: Live,
        question: &ControlRequest,
        shown: Shown,
    ) -> Result<Served, Problem> {
        let caller = self.caller(shown);
        let ask = Ask { caller, request: ControlRequest::Whoami, idempotency_key: None };
        let person = match asker.ask(&ask).await {
            ControlReply::Person(person) => person,
            ControlReply::Refused(refusal) => return Err(refusal.into()),
            _ => return Err(Problem::internal("the supervisor gave another answer than was asked for")),
        };
        match question.access() {
            Access::Needs(needed) if !person.permissions.contains(&needed) => {
                Err(Problem::forbidden(format!("this needs the permission {needed:?}")))
            }
            Access::Needs(_) | Access::Person | Access::Open if live.is_open_to(&person.permissions) => {
                Ok(Served::Live(live, Box::new(ask.caller), person.permissions))
            }
            Access::Needs(_) | Access::Person | Access::Open => {
                Err(Problem::forbidden("this needs the permission ViewProviders or ViewMetrics"))
            }
        }
    }

    async fn body<B>(&self, route: &Route, body: &mut B) -> Result<Vec<u8>, Problem>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        if route.body.is_none() {
            return Ok(Vec::new());
        }
        if !route.body_optional || has_body(body) {
            check_type(&self.parts.headers)?;
        }
        let limits = &self.visit.limits;
        let per_read = Duration::from_millis(limits.read_timeout_ms);
        let bounds = Bounds { bytes: limits.body_bytes.min(LARGEST), per_read };
        let read = body::read(body, bounds).await.map_err(|error| match error {
            BodyError::TooLarge(_) => Problem::too_large(error.to_string()),
            BodyError::BrokenOff => Problem::malformed(error.to_string()),
            BodyError::Silent(_) => Problem::timeout(error.to_string()),
        })?;
        Ok(read.into())
    }

    fn caller(&self, shown: Shown) -> Caller {
        let text =
            |value: &HeaderValue| value.to_str().unwrap_or_default().chars().take(LONGEST_NAME).collect();
        let origin = Origin {
            address: client_address(self.visit.peer, &self.parts.headers).to_string(),
            user_agent: self.parts.headers.get(USER_AGENT).map(text).unwrap_or_default(),
            request_id: self.id.clone(),
        };
        match shown {
            Shown::Bearer(token) | Shown::Cookie(token) => Caller::Token { token, origin },
            Shown::Nothing => Caller::Anonymous { origin },
        }
    }

    /// Of changes only. What makes a login is done each time: its answer must not be kept anywhere.
    fn idempotency_key(&self, access: Access) -> Result<Option<String>, Problem> {
        let Some(value) = self.parts.headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
        if self.parts.method != Method::POST || access == Access::Open {
            return Ok(None);
        }
        let visible = |key: &str| key.bytes().all(|b| b.is_ascii_graphic());
        match value.to_str() {
            Ok(key) if (1..=LONGEST_KEY).contains(&key.len()) && visible(key) => Ok(Some(key.to_owned())),
            _ => Err(Problem::malformed(format!(
                "`idempotency-key` must be 1 to {LONGEST_KEY} visible ASCII characters"
            ))),
        }
    }
}

/// Who is at the other end. A proxy on this machine says for whom it asks; others are not believed.
fn client_address(peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let peer = peer.to_canonical();
    if !peer.is_loopback() {
        return peer;
    }
    let last = headers.get_all(FORWARDED_FOR).iter().next_back().and_then(|value| value.to_str().ok());
    let named = last.and_then(|line| line.rsplit(',').next()?.trim().parse::<IpAddr>().ok());
    named.map_or(peer, |address| address.to_canonical())
}

/// The client's own name for its request, or a new one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let usable = |id: &&str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    given.filter(usable).map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

/// The version a client has seen: of `if-match`, where `*` stands for any.
fn version(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let Some(value) = headers.get(IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let tag = text.strip_prefix("W/").unwrap_or(text);
    let number = tag.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(tag).parse();
    number.map(Some).map_err(|_| Problem::malformed("`if-match` must be the `etag` of an answer, or `*`"))
}

fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let value = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let json = essence == JSON || essence.starts_with("application/") && essence.ends_with("+json");
    if json { Ok(()) } else { Err(Problem::media_type(&essence)) }
}

fn has_body<B: Body>(body: &B) -> bool {
    !body.is_end_stream()
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "serve/tests.rs"]
mod tests;
