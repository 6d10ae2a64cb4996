//! `/users`: people who may log in.

use super::route::{Gives, Route, schema};
use protocol::control::people::{SessionView, UserSpec, UserView};
use protocol::control::{ControlRequest, SecretText};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct UserBody {
    spec: UserSpec,
    password: SecretText,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct UserSpecBody {
    spec: UserSpec,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PasswordBody {
    password: SecretText,
    /// Needed for one's own.
    #[serde(default)]
    current: Option<SecretText>,
}

pub(super) const ROUTES: &[Route] = &[
    Route::get("/users", "listUsers", "All users", Gives::List(schema::<UserView>()))
        .asks(|_| Ok(ControlRequest::Users)),
    Route::post("/users", "createUser", "A new user", Gives::Created)
        .body::<UserBody>(r#"{"spec": {"name": "bob", "permissions": ["ViewMetrics"]}, "password": "correct horse"}"#)
        .asks(|i| {
            let UserBody { spec, password } = i.body()?;
            Ok(ControlRequest::CreateUser { spec, password })
        }),
    Route::put("/users/{user}", "updateUser", "Another name, other permissions, enabled or not", Gives::Changed)
        .body::<UserSpecBody>(r#"{"spec": {"name": "bob", "permissions": ["ViewProviders", "ViewMetrics"]}}"#)
        .versioned()
        .asks(|i| {
            let UserSpecBody { spec } = i.body()?;
            Ok(ControlRequest::UpdateUser { user: i.part("user"), spec, version: i.version })
        }),
    Route::delete("/users/{user}", "deleteUser", "Removes a user; their sessions end at once", Gives::Changed)
        .versioned()
        .asks(|i| Ok(ControlRequest::DeleteUser { user: i.part("user"), version: i.version })),
    Route::put(
        "/users/{user}/password",
        "setPassword",
        "Another password; one's own needs the current one, another's SystemConfig. Ends the user's other sessions",
        Gives::Done,
    )
    .body::<PasswordBody>(r#"{"password": "battery staple"}"#)
    .asks(|i| {
        let PasswordBody { password, current } = i.body()?;
        Ok(ControlRequest::SetPassword { user: i.part("user"), current, password })
    }),
    Route::get(
        "/users/{user}/sessions",
        "listSessions",
        "A user's sessions: one's own, or with SystemConfig anybody's",
        Gives::List(schema::<SessionView>()),
    )
    .asks(|i| Ok(ControlRequest::Sessions { user: i.part("user") })),
];
