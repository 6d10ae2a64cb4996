//! The first user: a link that works once, is printed at the start while there is no user, and is the only way to
//! make one without being logged in. There is no default password.

use super::People;
use super::actor::Actor;
use super::refusals::{refused, unhashed, unsealed};
use super::users::stored;
use crate::control::now;
use crate::store::config::Reserve;
use crate::store::sessions::{Purpose, TokenHash};
use crate::store::users::LoginOutcome;
use crate::vault::token::{Token, TokenKind, hash_token};
use protocol::control::people::{SetupLink, SetupState, UserSpec, UserText};
use protocol::control::{ControlReply, Permission, Refusal, RefusalKind, SecretText};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// How long a link is good.
const LIFE_MS: i64 = 24 * 60 * 60 * 1000;
/// What tries to set up are counted under; no user has a space in the name.
const NOBODY: &str = "the first user";

impl People {
    pub(super) async fn setup_state(&self) -> Result<ControlReply, Refusal> {
        Ok(ControlReply::SetupState(SetupState { needed: self.nobody_yet().await? }))
    }

    /// A new link; the ones before it lapse.
    pub(super) async fn setup_link(&self) -> Result<ControlReply, Refusal> {
        if !self.nobody_yet().await? {
            return Err(somebody_is_there());
        }
        let at = now();
        let token = Token::random(TokenKind::OneTime).map_err(unsealed)?;
        let (hash, until) = (TokenHash(token.hash()), at.plus_ms(LIFE_MS));
        let issued = self
            .store
            .note(Reserve::Spend, move |note| note.issue_one_time(hash, Purpose::Setup, None, (at, until)));
        issued.await.map_err(refused)?;
        let listeners = &self.force.now().listeners;
        let address = listeners.iter().find_map(|listener| listener.address.parse::<SocketAddr>().ok());
        let url = format!("http://{}/setup#token={}", reachable(address), token.expose());
        Ok(ControlReply::SetupLink(SetupLink { url: SecretText::new(url), expires_ms: until.0 }))
    }

    /// Says in the log where the first user is made, if there is none yet.
    pub(crate) async fn invite(&self) {
        match self.setup_link().await {
            Ok(ControlReply::SetupLink(link)) => {
                tracing::warn!("there is no user yet; make the first one at {}", link.url.expose());
            }
            Ok(_) => {}
            Err(refusal) if refusal.kind == RefusalKind::Conflict => {}
            Err(refusal) => tracing::error!("no setup link could be made: {refusal}"),
        }
    }

    /// Makes the first user and logs them in.
    pub(super) async fn set_up(
        &self,
        actor: &Actor,
        token: &SecretText,
        name: UserText,
        password: &SecretText,
    ) -> Result<ControlReply, Refusal> {
        let tried = self.throttle().begin(NOBODY, &actor.origin.address, now());
        let tried = match tried {
            Ok(tried) => tried,
            Err(wait) => return Err(self.turn_away(actor, NOBODY, wait, "setup links").await),
        };
        if !self.nobody_yet().await? {
            self.throttle().right(tried);
            return Err(somebody_is_there());
        }
        let tried_name = name.clone();
        let spec = stored(UserSpec { name, permissions: Permission::ALL.to_vec(), enabled: true });
        spec.check().map_err(refused)?;
        self.check_password(password, &spec.name)?;
        let hash = self.hashing.hash(password).await.map_err(unhashed)?;
        let shown = TokenHash(hash_token(token.expose().as_bytes()));
        let made = self.store.change(actor.stamp(now()), move |edit| {
            if !edit.users()?.is_empty() || edit.redeem_one_time(shown, Purpose::Setup)?.is_none() {
                return Ok(None);
            }
            edit.create_user(&spec, &hash).map(Some)
        });
        let made = made.await.map_err(refused)?;
        let Some(user) = &made.value else {
            let outcome = LoginOutcome::Refused { locked_until: None };
            self.note_refused(actor, &tried_name, None, outcome, now()).await?;
            let message =
                "this setup link is not valid (any more); `llm-link users setup-link` makes a new one";
            return Err(Refusal::new(RefusalKind::Unauthenticated, message));
        };
        self.throttle().right(tried);
        self.changed(&made, None).await?;
        tracing::info!(user = user.spec.name, "the first user was made");
        self.begin(actor, user).await
    }

    async fn nobody_yet(&self) -> Result<bool, Refusal> {
        let users = self.store.read(|view| view.users()).await;
        users.map(|users| users.is_empty()).map_err(refused)
    }
}

fn somebody_is_there() -> Refusal {
    Refusal::new(RefusalKind::Conflict, "there is a user already; log in")
}

/// An address that a browser on this machine can open.
fn reachable(address: Option<SocketAddr>) -> String {
    let Some(mut address) = address else { return "localhost".to_owned() };
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    address.to_string()
}
