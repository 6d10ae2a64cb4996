//! Setting passwords: one's own with the current one, another's with `SystemConfig`.

use super::People;
use super::actor::Actor;
use super::caller::forbidden;
use super::password_rule::objection;
use super::refusals::{invalid, refused, unhashed};
use super::sessions::no_user;
use crate::control::now;
use crate::store::users::LoginOutcome;
use crate::vault::password::Verdict;
use protocol::control::people::UserText;
use protocol::control::{ControlReply, Permission, Refusal, SecretText};

impl People {
    /// No name = one's own.
    pub(super) async fn set_password(
        &self,
        actor: &Actor,
        name: UserText,
        current: Option<SecretText>,
        password: &SecretText,
    ) -> Result<ControlReply, Refusal> {
        let own = actor.login.clone();
        let asked = name.clone();
        let found = self.store.read(move |view| match (own, name.is_empty()) {
            (Some(own), true) => Ok(Some(view.user(own.user)?)),
            _ => view.user_named(&name),
        });
        let user = found.await.map_err(refused)?;
        let mine = |id| actor.login.as_ref().is_some_and(|login| login.user == id);
        let user = match user {
            Some(user) if mine(user.id) || actor.may(Permission::SystemConfig) => user,
            Some(_) => return Err(forbidden(Permission::SystemConfig)),
            None if actor.may(Permission::SystemConfig) => return Err(refused(no_user(&asked))),
            None => return Err(forbidden(Permission::SystemConfig)),
        };
        if mine(user.id) {
            self.check_current(actor, &user, current).await?;
        }
        self.check_password(password, &user.spec.name)?;
        let hash = self.hashing.hash(password).await.map_err(unhashed)?;
        let keep = actor.login.as_ref().filter(|l| l.user == user.id).map(|l| l.session.clone());
        let changed = self
            .store
            .change(actor.stamp(now()), move |edit| edit.set_password(user.id, &hash, keep.as_deref()));
        let changed = changed.await.map_err(refused)?;
        self.changed(&changed, None).await?;
        Ok(ControlReply::Done("the password is set; the user's other sessions are over".to_owned()))
    }

    /// What is wrong with a new password, if anything is.
    pub(super) fn check_password(&self, password: &SecretText, user: &str) -> Result<(), Refusal> {
        match objection(password.expose(), user) {
            Some(objection) => Err(invalid("password", &objection)),
            None => Ok(()),
        }
    }

    /// Whoever sits down at another's open session must not be able to keep it. Tries count as those of a login.
    async fn check_current(
        &self,
        actor: &Actor,
        user: &crate::store::users::User,
        current: Option<SecretText>,
    ) -> Result<(), Refusal> {
        let Some(current) = current else { return Err(invalid("current", "must be your current password")) };
        let tried = self.throttle().begin(&user.spec.name, &actor.origin.address, now());
        let tried = match tried {
            Ok(tried) => tried,
            Err(wait) => return Err(self.turn_away(actor, &user.spec.name, wait, "passwords").await),
        };
        let verdict = self.hashing.verify(&current, Some(user.password.clone())).await.map_err(unhashed)?;
        match verdict {
            Verdict::Right | Verdict::RightButOld => {
                self.throttle().right(tried);
                Ok(())
            }
            Verdict::Wrong => {
                let outcome = LoginOutcome::Refused { locked_until: tried.locked_until };
                self.note_refused(actor, &user.spec.name, Some(user.clone()), outcome, now()).await?;
                Err(invalid("current", "is not your current password"))
            }
        }
    }
}
