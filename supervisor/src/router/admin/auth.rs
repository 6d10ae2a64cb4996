//! `/setup`, `/auth`: the first user, logging in and out, one's own password and sessions.

use super::route::{Gives, Route, schema};
use protocol::control::people::{Grant, Person, SessionView, SetupState, UserText};
use protocol::control::{ControlRequest, SecretText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The first user.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SetupBody {
    /// Of the setup link.
    token: SecretText,
    user: UserText,
    password: SecretText,
    #[serde(default)]
    #[expect(dead_code, reason = "read by the answer")]
    cookie: Option<bool>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LoginBody {
    user: UserText,
    password: SecretText,
    /// Set cookies instead of answering the tokens: for browsers.
    #[serde(default)]
    #[expect(dead_code, reason = "read by the answer")]
    cookie: Option<bool>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct RefreshBody {
    /// Absent = the one in the cookie; new cookies are set then.
    token: Option<SecretText>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OwnPasswordBody {
    current: SecretText,
    password: SecretText,
}

/// A login as it is answered: with its tokens, or with cookies in their place.
#[derive(Serialize, JsonSchema)]
pub(super) struct Granted {
    person: Person,
    /// A JWT for `Authorization: Bearer`; absent where it is in a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    access: Option<SecretText>,
    access_expires_ms: i64,
    /// Good for one `/auth/refresh`; absent where it is in a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh: Option<SecretText>,
    refresh_expires_ms: i64,
}

/// Where the tokens of a login go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    Cookies,
    Body,
}

/// What a body says about it.
#[derive(Default, Deserialize)]
struct Wish {
    cookie: Option<bool>,
    token: Option<serde::de::IgnoredAny>,
}

impl Delivery {
    /// By the path, what the body wishes, and whether the refresh token came in a cookie.
    pub(super) fn of(route: &Route, body: &[u8]) -> Delivery {
        let wish: Wish = serde_json::from_slice(body).unwrap_or_default();
        let cookies = match route.id {
            "setup" => wish.cookie.unwrap_or(true),
            "refresh" => wish.token.is_none(),
            _ => wish.cookie.unwrap_or(false),
        };
        if cookies { Delivery::Cookies } else { Delivery::Body }
    }
}

impl Granted {
    pub(super) fn new(grant: Grant, delivery: Delivery) -> Granted {
        let (access, refresh) = match delivery {
            Delivery::Body => (Some(grant.access), Some(grant.refresh)),
            Delivery::Cookies => (None, None),
        };
        Granted {
            person: grant.person,
            access,
            access_expires_ms: grant.access_expires_ms,
            refresh,
            refresh_expires_ms: grant.refresh_expires_ms,
        }
    }
}

const GRANT: Gives = Gives::Grant(schema::<Granted>());

pub(super) const ROUTES: &[Route] = &[
    Route::get(
        "/setup",
        "setupState",
        "Whether the first user is still to be made",
        Gives::One(schema::<SetupState>()),
    )
    .asks(|_| Ok(ControlRequest::SetupState)),
    Route::post(
        "/setup",
        "setup",
        "Makes the first user, who may do everything, and logs them in; the token is in the setup link. Sets \
         cookies, unless `cookie` is false: then the tokens are answered",
        GRANT,
    )
    .body::<SetupBody>(r#"{"token": "llo_...", "user": "ann", "password": "correct horse"}"#)
    .asks(|i| {
        let SetupBody { token, user, password, .. } = i.body()?;
        Ok(ControlRequest::Setup { token, user, password })
    }),
    Route::post("/auth/login", "login", "Logs in; with `cookie` the tokens go into cookies", GRANT)
        .body::<LoginBody>(r#"{"user": "ann", "password": "correct horse"}"#)
        .asks(|i| {
            let LoginBody { user, password, .. } = i.body()?;
            Ok(ControlRequest::Login { user, password })
        }),
    Route::post(
        "/auth/refresh",
        "refresh",
        "Exchanges a refresh token for the next one and a new access token. A token that is shown twice was \
         stolen: its session ends",
        GRANT,
    )
    .maybe_body::<RefreshBody>(r#"{"token": "llr_..."}"#)
    .asks(|i| {
        let RefreshBody { token } = i.body_or_default()?;
        let token = token.or_else(|| i.refresh_cookie.clone().map(SecretText::new));
        let token = token.unwrap_or_else(|| SecretText::new(String::new()));
        Ok(ControlRequest::Refresh { token })
    }),
    Route::post("/auth/logout", "logout", "Ends this session at once", Gives::Done)
        .asks(|_| Ok(ControlRequest::Logout)),
    Route::get("/auth/me", "me", "Who is logged in, and what they may do", Gives::One(schema::<Person>()))
        .asks(|_| Ok(ControlRequest::Whoami)),
    Route::put(
        "/auth/password",
        "setOwnPassword",
        "Another password for oneself; ends one's other sessions",
        Gives::Done,
    )
    .body::<OwnPasswordBody>(r#"{"current": "correct horse", "password": "battery staple"}"#)
    .asks(|i| {
        let OwnPasswordBody { current, password } = i.body()?;
        Ok(ControlRequest::SetPassword { user: String::new(), current: Some(current), password })
    }),
    Route::get(
        "/auth/sessions",
        "listOwnSessions",
        "One's own sessions",
        Gives::List(schema::<SessionView>()),
    )
    .asks(|_| Ok(ControlRequest::Sessions { user: String::new() })),
    Route::delete(
        "/auth/sessions/{session}",
        "revokeSession",
        "Ends a session at once: one's own, or with SystemConfig anybody's",
        Gives::Done,
    )
    .asks(|i| Ok(ControlRequest::RevokeSession { session: i.part("session") })),
];
