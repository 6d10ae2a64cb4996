//! People and their rights: who asks, whether they may, and everything an operator can ask about users, sessions
//! and themselves. Owns authentication and the permission check; never executes what is not about people.
//!
//! * who asks: [`caller`] with [`access_token`]; what they may is said by `ControlRequest::access` alone
//! * pure: [`throttle`], [`password_rule`], [`access_token`]; off the main thread: [`hashing`]
//! * one file a concern: [`login`], [`refresh`], [`sessions`], [`users`], [`passwords`], [`setup`]

mod access_token;
mod actor;
mod caller;
mod hashing;
mod login;
mod password_rule;
mod passwords;
mod refresh;
mod refusals;
mod sessions;
mod setup;
mod throttle;
mod users;

pub(crate) use actor::Actor;

use crate::control::{Force, now};
use crate::store::{ConfigStore, SecretPlace, StoreError};
use crate::vault::Vault;
use crate::vault::error::VaultError;
use crate::vault::secret::Secret;
use crate::vault::token::{Token, TokenKind};
use access_token::Signer;
use hashing::Hashing;
use protocol::control::{ControlReply, ControlRequest, Refusal};
use refusals::misrouted;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use throttle::Throttle;

/// See the module. Clones share it.
#[derive(Clone)]
pub(crate) struct People {
    store: ConfigStore,
    force: Force,
    signer: Arc<Signer>,
    hashing: Arc<Hashing>,
    throttle: Arc<Mutex<Throttle>>,
}

/// Why nobody could log in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PeopleError {
    #[error("the key of access tokens cannot be kept: {0}")]
    Store(#[from] StoreError),
    #[error("the key of access tokens cannot be read: {0}")]
    Vault(#[from] VaultError),
    #[error("the thread that checks passwords cannot be started: {0}")]
    Thread(#[from] std::io::Error),
}

impl People {
    /// Makes what people need in the store, at first start. Before anyone reads which epoch is in force: it is one.
    pub(crate) async fn prepare(store: &ConfigStore, vault: &Vault) -> Result<(), PeopleError> {
        signing_key(store, vault).await.map(drop)
    }

    /// Ready for questions.
    pub(crate) async fn open(store: ConfigStore, vault: &Vault, force: Force) -> Result<People, PeopleError> {
        let signer = Signer::new(&signing_key(&store, vault).await?);
        Ok(People {
            store,
            force,
            signer: Arc::new(signer),
            hashing: Arc::new(Hashing::start()?),
            throttle: Arc::default(),
        })
    }

    /// Answers what is about people.
    pub(crate) async fn answer(&self, actor: &Actor, request: ControlRequest) -> ControlReply {
        let answered = self.answered(actor, request).await;
        answered.unwrap_or_else(ControlReply::Refused)
    }

    async fn answered(&self, actor: &Actor, request: ControlRequest) -> Result<ControlReply, Refusal> {
        use ControlRequest as R;
        match request {
            R::SetupState => self.setup_state().await,
            R::Setup { token, user, password } => self.set_up(actor, &token, user, &password).await,
            R::SetupLink => self.setup_link().await,
            R::Login { user, password } => self.log_in(actor, user, &password).await,
            R::Refresh { token } => self.refresh(actor, &token).await,
            R::Logout => self.log_out(actor).await,
            R::Whoami => Ok(ControlReply::Person(Box::new(actor.person()))),
            R::Sessions { user } => self.sessions(actor, user).await,
            R::RevokeSession { session } => self.revoke(actor, session).await,
            R::Users => self.users().await,
            R::CreateUser { spec, password } => self.create_user(actor, spec, &password).await,
            R::UpdateUser { user, spec, version } => self.update_user(actor, user, spec, version).await,
            R::DeleteUser { user, version } => self.delete_user(actor, user, version).await,
            R::SetPassword { user, current, password } => {
                self.set_password(actor, user, current, &password).await
            }
            other => Err(misrouted(&other)),
        }
    }

    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The random key of access tokens, sealed in the store.
async fn signing_key(store: &ConfigStore, vault: &Vault) -> Result<Secret, PeopleError> {
    let place = SecretPlace::program("access-token-key");
    if let Some(key) = vault.get(store, place.clone()).await? {
        return Ok(key);
    }
    let token = Token::random(TokenKind::OneTime)?;
    let key = Arc::new(Secret::new(token.expose().as_bytes().to_vec()));
    let (sealing, sealed, at) = (vault.clone(), Arc::clone(&key), place.clone());
    store.change(Actor::system().stamp(now()), move |edit| sealing.put(edit, &at, &sealed)).await?;
    drop(key);
    Ok(vault.get(store, place).await?.ok_or(StoreError::Broken)?)
}

/// What is kept of a client's own words.
fn shortened(text: &str, longest: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(longest).collect()
}
