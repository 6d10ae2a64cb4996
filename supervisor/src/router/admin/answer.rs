//! From the supervisor's reply to a response: statuses, envelopes, entity tags, cookies. Decides nothing.

use super::auth::{Delivery, Granted};
use super::credentials::{cookies, no_cookies};
use super::incoming::Incoming;
use super::monitoring::{Format, csv, format};
use super::problem::Problem;
use super::reply::{JSON, Reply, json, whole};
use super::route::{Gives, Route};
use http::header::{ETAG, SET_COOKIE};
use http::{HeaderValue, StatusCode};
use protocol::control::answer::Now;
use protocol::control::people::Grant;
use protocol::control::{Changed, ControlReply, ControlRequest};
use schemars::JsonSchema;
use serde::Serialize;

/// It was done, or has begun.
#[derive(Serialize, JsonSchema)]
pub(super) struct Done {
    message: String,
}

/// Some of the things there are.
#[derive(Serialize, JsonSchema)]
pub(super) struct Items<T> {
    items: Vec<T>,
    /// The key for `before` that continues the list; null at its end.
    next: Option<String>,
}

/// What the answer depends on besides the reply.
pub(super) struct Context<'a> {
    pub(super) route: &'a Route,
    pub(super) incoming: &'a Incoming,
    pub(super) request: &'a ControlRequest,
    pub(super) request_id: &'a str,
    pub(super) over_tls: bool,
    pub(super) now_ms: i64,
}

impl Context<'_> {
    /// The response to a reply.
    pub(super) fn answer(&self, reply: ControlReply) -> Reply {
        use ControlReply as R;
        match reply {
            R::Refused(refusal) => Problem::from(refusal).reply(self.request_id),
            R::Done(message) => self.done(message),
            R::Changed(changed) => self.changed(&changed),
            R::Granted(grant) => self.granted(*grant),
            R::Meter(report) if format(self.incoming) == Format::Csv => {
                whole(StatusCode::OK, "text/csv; charset=utf-8", csv(&report).into())
            }
            R::Meter(report) => ok(&report),
            R::Status(status) => ok(&status),
            R::Presets(items) => list(items),
            R::Providers(items) => list(items),
            R::Provider(view) => tagged(ok(&view), view.version),
            R::Tested(report) => ok(&report),
            R::Models(items) => list(items),
            R::Aliases(items) => list(items),
            R::Apps(items) => list(items),
            R::App(view) => tagged(ok(&view), view.version),
            R::DryRun(report) => ok(&report),
            R::SetupState(state) => ok(&state),
            R::SetupLink(link) => ok(&link),
            R::Person(person) => ok(&person),
            R::Users(items) => list(items),
            R::Sessions(items) => list(items),
            R::Calls(items) => self.page(items, |call| call.id.clone()),
            R::Call(detail) => ok(&detail),
            R::Events(items) => self.page(items, |event| event.id.to_string()),
            R::Logs(items) => self.page(items, |line| line.seq.to_string()),
            R::Audit(items) => self.page(items, |entry| entry.id.to_string()),
            R::Config(items) => list(items),
            R::Document(document) => ok(&document),
            R::Differences(items) => list(items),
        }
    }

    fn done(&self, message: String) -> Reply {
        let mut reply = ok(&Done { message });
        if matches!(self.request, ControlRequest::Logout) {
            set_cookies(&mut reply, &no_cookies(self.over_tls));
        }
        reply
    }

    /// In force or on its way there.
    fn changed(&self, changed: &Changed) -> Reply {
        let status = match (changed.pending.is_empty(), self.route.gives) {
            (false, _) => StatusCode::ACCEPTED,
            (true, Gives::Created) => StatusCode::CREATED,
            (true, _) => StatusCode::OK,
        };
        let version = match &changed.now {
            Some(Now::Provider(view)) => view.version,
            Some(Now::Model(view)) => view.version,
            Some(Now::Alias(view)) => view.version,
            Some(Now::App(view)) => view.version,
            Some(Now::User(view)) => view.version,
            Some(Now::AppKey(_) | Now::Differences(_)) | None => 0,
        };
        tagged(json(status, JSON, changed), version)
    }

    fn granted(&self, grant: Grant) -> Reply {
        let delivery = Delivery::of(self.route, &self.incoming.body);
        let lines = cookies(&grant, self.over_tls, self.now_ms);
        let mut reply = ok(&Granted::new(grant, delivery));
        if delivery == Delivery::Cookies {
            set_cookies(&mut reply, &lines);
        }
        reply
    }

    fn page<T: Serialize>(&self, items: Vec<T>, key: impl Fn(&T) -> String) -> Reply {
        let limit = match self.request {
            ControlRequest::Calls { page, .. }
            | ControlRequest::Events { page, .. }
            | ControlRequest::Logs { page, .. }
            | ControlRequest::Audit { page, .. } => page.limit as usize,
            _ => usize::MAX,
        };
        let next = if items.len() >= limit { items.last().map(key) } else { None };
        ok(&Items { items, next })
    }
}

fn ok(value: &impl Serialize) -> Reply {
    json(StatusCode::OK, JSON, value)
}

fn list<T: Serialize>(items: Vec<T>) -> Reply {
    ok(&Items { items, next: None })
}

/// With the version that `if-match` takes. What is in the file has none.
fn tagged(mut reply: Reply, version: i64) -> Reply {
    if version > 0
        && let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\""))
    {
        reply.headers_mut().insert(ETAG, tag);
    }
    reply
}

fn set_cookies(reply: &mut Reply, lines: &[String]) {
    for line in lines {
        if let Ok(mut value) = HeaderValue::from_str(line) {
            value.set_sensitive(true);
            reply.headers_mut().append(SET_COOKIE, value);
        }
    }
}
