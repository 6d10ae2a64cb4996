//! Making, changing and removing users. At least one who may do everything is always left.

use super::People;
use super::actor::Actor;
use super::refusals::{refused, unhashed};
use super::sessions::no_user;
use crate::control::now;
use crate::store::config::Changed as Stored;
use crate::store::edit::Expect;
use crate::store::users::{Permission as StoredPermission, User, UserSpec as StoredSpec};
use protocol::control::answer::Now;
use protocol::control::people::{UserSpec, UserText, UserView};
use protocol::control::{Changed, ControlReply, Permission, Refusal, SecretText};

impl People {
    pub(super) async fn users(&self) -> Result<ControlReply, Refusal> {
        let users = self.store.read(|view| view.users()).await.map_err(refused)?;
        Ok(ControlReply::Users(users.iter().map(view).collect()))
    }

    pub(super) async fn create_user(
        &self,
        actor: &Actor,
        spec: UserSpec,
        password: &SecretText,
    ) -> Result<ControlReply, Refusal> {
        self.check_password(password, &spec.name)?;
        let spec = stored(spec);
        spec.check().map_err(refused)?;
        let hash = self.hashing.hash(password).await.map_err(unhashed)?;
        let made = self.store.change(actor.stamp(now()), move |edit| edit.create_user(&spec, &hash));
        let made = made.await.map_err(refused)?;
        self.changed(&made, Some(view(&made.value))).await
    }

    pub(super) async fn update_user(
        &self,
        actor: &Actor,
        name: UserText,
        spec: UserSpec,
        version: Option<i64>,
    ) -> Result<ControlReply, Refusal> {
        let spec = stored(spec);
        let changed = self.store.change(actor.stamp(now()), move |edit| {
            let user = edit.user_named(&name)?.ok_or_else(|| no_user(&name))?;
            edit.update_user(user.id, expect(version), &spec)
        });
        let changed = changed.await.map_err(refused)?;
        self.changed(&changed, Some(view(&changed.value))).await
    }

    pub(super) async fn delete_user(
        &self,
        actor: &Actor,
        name: UserText,
        version: Option<i64>,
    ) -> Result<ControlReply, Refusal> {
        let deleted = self.store.change(actor.stamp(now()), move |edit| {
            let user = edit.user_named(&name)?.ok_or_else(|| no_user(&name))?;
            edit.delete_user(user.id, expect(version))
        });
        let deleted = deleted.await.map_err(refused)?;
        self.changed(&deleted, None).await
    }

    /// What people may do is looked up in the store: it is in force when it is stored. The epoch that counts it
    /// is made known all the same.
    pub(super) async fn changed<T>(
        &self,
        stored: &Stored<T>,
        user: Option<UserView>,
    ) -> Result<ControlReply, Refusal> {
        if stored.effect.changes > 0 {
            self.force.refresh().await?;
        }
        let epoch = u64::try_from(stored.effect.epoch).unwrap_or(0);
        let now = user.map(Now::User);
        Ok(ControlReply::Changed(Box::new(Changed { epoch, pending: Vec::new(), now })))
    }
}

fn expect(version: Option<i64>) -> Expect {
    version.map_or(Expect::Any, Expect::Version)
}

pub(super) fn view(user: &User) -> UserView {
    UserView {
        spec: UserSpec {
            name: user.spec.name.clone(),
            permissions: user.spec.permissions.iter().map(|p| shown(*p)).collect(),
            enabled: user.spec.enabled,
        },
        version: user.version,
        failed_logins: user.failed_logins,
        locked_until_ms: user.locked_until.map(|at| at.0),
        last_login_ms: user.last_login_at.map(|at| at.0),
        created_ms: user.created_at.0,
    }
}

pub(super) fn stored(spec: UserSpec) -> StoredSpec {
    let permission = |p: Permission| match p {
        Permission::ViewProviders => StoredPermission::ViewProviders,
        Permission::EditProviders => StoredPermission::EditProviders,
        Permission::ViewMetrics => StoredPermission::ViewMetrics,
        Permission::SystemConfig => StoredPermission::SystemConfig,
    };
    StoredSpec {
        name: spec.name,
        permissions: spec.permissions.into_iter().map(permission).collect(),
        enabled: spec.enabled,
    }
}

/// The store's word for a permission in the vocabulary's.
pub(super) fn shown(permission: StoredPermission) -> Permission {
    match permission {
        StoredPermission::ViewProviders => Permission::ViewProviders,
        StoredPermission::EditProviders => Permission::EditProviders,
        StoredPermission::ViewMetrics => Permission::ViewMetrics,
        StoredPermission::SystemConfig => Permission::SystemConfig,
    }
}
