//! Apps, their routes and their keys: listed, made, changed, removed.

use super::app_view::{AppRows, Uses, app_view, key_view};
use super::means::{Means, expect};
use super::now;
use crate::people::Actor;
use crate::settings::SpotKind;
use crate::store::app_keys::{AppKey, NewAppKey};
use crate::store::error::Object;
use crate::store::page::Page;
use crate::store::words::AppKeyId;
use crate::store::{Edit, StoreError, UnixMs};
use crate::vault::token::{Token, TokenKind};
use protocol::control::answer::Now;
use protocol::control::app::{AppKeyMade, AppKeySpec, AppSpec, AppView};
use protocol::control::route::RouteSpec;
use protocol::control::{ControlReply, ControlRequest, Refusal, RefusalKind, SecretText};

/// A replaced key goes on for at most so long.
const LONGEST_OVERLAP_S: u64 = 30 * 24 * 3_600;

/// See the module.
pub(crate) struct Apps {
    means: Means,
}

impl Apps {
    pub(crate) fn new(means: Means) -> Apps {
        Apps { means }
    }

    /// Answers what is about apps.
    pub(crate) async fn answer(
        &self,
        actor: &Actor,
        request: ControlRequest,
    ) -> Result<ControlReply, Refusal> {
        use ControlRequest as R;
        match request {
            R::Apps => Ok(ControlReply::Apps(self.list().await?)),
            R::App { app } => Ok(ControlReply::App(Box::new(self.view(&app).await?))),
            R::CreateApp { spec, route } => self.create(actor, spec, route).await,
            R::UpdateApp { app, spec, version } => {
                self.means.editable(SpotKind::App, &app)?;
                self.means.writable(SpotKind::App, &spec.name)?;
                let name = spec.name.clone();
                let job = move |edit: &mut Edit<'_>| {
                    let id = edit.app_named(&app)?.id;
                    edit.update_app(id, expect(version), &spec)
                };
                let committed = self.means.changes.commit(actor, job).await?;
                Ok(committed.reply(self.now(&name).await))
            }
            R::DeleteApp { app, version } => {
                self.means.editable(SpotKind::App, &app)?;
                let job = move |edit: &mut Edit<'_>| {
                    let id = edit.app_named(&app)?.id;
                    edit.delete_app(id, expect(version))
                };
                Ok(self.means.changes.commit(actor, job).await?.reply(None))
            }
            R::SetRoute { app, route, version } => self.set_route(actor, app, route, version).await,
            R::CreateAppKey { app, spec } => self.create_key(actor, app, spec, None).await,
            R::RotateAppKey { app, key, overlap_s } => {
                let overlap = overlap_s.min(LONGEST_OVERLAP_S);
                let ends = now().plus_ms(i64::try_from(overlap * 1000).unwrap_or(i64::MAX));
                let old = self.key(&app, key).await?;
                let spec = AppKeySpec { label: old.label, expires_ms: old.expires_at.map(|at| at.0) };
                self.create_key(actor, app, spec, Some((AppKeyId(key), ends))).await
            }
            R::RevokeAppKey { app, key } => {
                self.means.editable(SpotKind::App, &app)?;
                let name = app.clone();
                let job = move |edit: &mut Edit<'_>| {
                    let found = key_of(edit, &name, AppKeyId(key))?;
                    edit.revoke_app_key(found.id)
                };
                let committed = self.means.changes.commit(actor, job).await?;
                Ok(committed.reply(self.now(&app).await))
            }
            _other => Err(Refusal::new(RefusalKind::Internal, "this is not about apps")),
        }
    }

    async fn list(&self) -> Result<Vec<AppView>, Refusal> {
        let used = self
            .means
            .read(|view| Ok(Uses { stored: view.app_keys_used()?, of_file: view.file_keys_used()? }))
            .await?;
        let picture = self.means.force.now();
        let rows = AppRows::of(&picture.snapshot, used);
        let mut names: Vec<String> = picture.settings.apps.iter().map(|app| app.name.clone()).collect();
        let known: std::collections::HashSet<&str> = names.iter().map(String::as_str).collect();
        let stored = picture.snapshot.apps.iter().map(|row| row.spec.name.clone());
        let left: Vec<String> = stored.filter(|name| !known.contains(name.as_str())).collect();
        names.extend(left);
        Ok(names.iter().filter_map(|name| app_view(&picture, &rows, name)).collect())
    }

    async fn view(&self, name: &str) -> Result<AppView, Refusal> {
        let picture = self.means.force.now();
        let of_file = self.means.read(|view| view.file_keys_used()).await?;
        let rows = AppRows::of(&picture.snapshot, Uses { of_file, ..Uses::default() });
        let mut view = app_view(&picture, &rows, name)
            .ok_or_else(|| Refusal::new(RefusalKind::NotFound, format!("app `{name}` does not exist")))?;
        if view.version > 0 {
            let name = name.to_owned();
            let keys = self.means.read(move |store| {
                let id = store.app_named(&name)?.id;
                store.app_keys(Some(id), Page::first(500))
            });
            view.keys = keys.await?.iter().map(key_view).collect();
        }
        view.levels = self.means.probes.levels(name).await;
        Ok(view)
    }

    async fn now(&self, name: &str) -> Option<Now> {
        self.view(name).await.ok().map(|view| Now::App(Box::new(view)))
    }

    async fn create(
        &self,
        actor: &Actor,
        spec: AppSpec,
        route: Option<RouteSpec>,
    ) -> Result<ControlReply, Refusal> {
        self.means.writable(SpotKind::App, &spec.name)?;
        let name = spec.name.clone();
        let job = move |edit: &mut Edit<'_>| {
            let made = edit.create_app(&spec)?;
            match &route {
                Some(route) => edit.set_route(made.id, expect(None), route).map(drop),
                None => Ok(()),
            }
        };
        let committed = self.means.changes.commit(actor, job).await?;
        Ok(committed.reply(self.now(&name).await))
    }

    async fn set_route(
        &self,
        actor: &Actor,
        app: String,
        route: Option<RouteSpec>,
        version: Option<i64>,
    ) -> Result<ControlReply, Refusal> {
        self.means.editable(SpotKind::App, &app)?;
        let name = app.clone();
        let job = move |edit: &mut Edit<'_>| {
            let id = edit.app_named(&name)?.id;
            match &route {
                Some(route) => edit.set_route(id, expect(version), route).map(drop),
                None => edit.remove_route(id, expect(version)),
            }
        };
        let committed = self.means.changes.commit(actor, job).await?;
        Ok(committed.reply(self.now(&app).await))
    }

    /// Makes a key; with `instead` of another one, which ends then.
    async fn create_key(
        &self,
        actor: &Actor,
        app: String,
        spec: AppKeySpec,
        instead: Option<(AppKeyId, UnixMs)>,
    ) -> Result<ControlReply, Refusal> {
        self.means.editable(SpotKind::App, &app)?;
        let token = Token::random(TokenKind::AppKey).map_err(super::refusal::vault_refused)?;
        let new = NewAppKey {
            label: spec.label,
            prefix: token.prefix().to_owned(),
            hash: token.hash(),
            expires_at: spec.expires_ms.map(UnixMs),
        };
        let name = app.clone();
        let job = move |edit: &mut Edit<'_>| {
            let id = edit.app_named(&name)?.id;
            if let Some((old, ends)) = instead {
                key_of(edit, &name, old)?;
                edit.end_app_key(old, ends)?;
            }
            edit.add_app_key(id, &new)
        };
        let committed = self.means.changes.commit(actor, job).await?;
        let made = AppKeyMade {
            app,
            view: key_view(&committed.value),
            key: SecretText::new(token.expose().to_owned()),
        };
        Ok(committed.reply(Some(Now::AppKey(made))))
    }

    async fn key(&self, app: &str, key: i64) -> Result<AppKey, Refusal> {
        self.means.editable(SpotKind::App, app)?;
        let app = app.to_owned();
        self.means
            .read(move |store| {
                let owner = store.app_named(&app)?.id;
                let found = store.app_key(AppKeyId(key))?;
                if found.app_id != owner { Err(no_key(key)) } else { Ok(found) }
            })
            .await
    }
}

fn key_of(edit: &Edit<'_>, app: &str, id: AppKeyId) -> Result<AppKey, StoreError> {
    let owner = edit.app_named(app)?.id;
    let found = edit.app_key(id)?;
    if found.app_id != owner { Err(no_key(id.0)) } else { Ok(found) }
}

fn no_key(key: i64) -> StoreError {
    StoreError::NotFound { object: Object::AppKey, name: key.to_string() }
}
