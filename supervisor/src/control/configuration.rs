//! The configuration as a whole: what is in force and where each value comes from, export and apply, single
//! settings, the master key.

use super::apply::{Wanted, apply};
use super::document::export;
use super::effective::effective;
use super::means::{Means, expect};
use super::now;
use super::refusal::vault_refused;
use crate::people::Actor;
use crate::settings::{SpotKind, check_setting};
use crate::store::Edit;
use protocol::control::{Changed, ControlReply, ControlRequest, FieldError, Refusal, RefusalKind};
use serde_json::Value;

/// See the module.
pub(crate) struct Configuration {
    means: Means,
}

impl Configuration {
    pub(crate) fn new(means: Means) -> Configuration {
        Configuration { means }
    }

    /// Answers what is about the configuration as a whole.
    pub(crate) async fn answer(
        &self,
        actor: &Actor,
        request: ControlRequest,
    ) -> Result<ControlReply, Refusal> {
        use ControlRequest as R;
        match request {
            R::Config => Ok(ControlReply::Config(effective(&self.means.force.now()))),
            R::Export => {
                let at = now();
                let document = self.means.read(move |view| export(view, at)).await?;
                Ok(ControlReply::Document(Box::new(document)))
            }
            R::Apply { document, prune, dry_run, epoch } => {
                apply(&self.means, actor, Wanted { document: *document, prune, dry_run, epoch }).await
            }
            R::SetSetting { name, value, version } => self.set(actor, name, value, version).await,
            R::RotateMasterKey => self.rotate(actor).await,
            _other => Err(Refusal::new(RefusalKind::Internal, "this is not about the configuration")),
        }
    }

    async fn set(
        &self,
        actor: &Actor,
        name: String,
        value: Value,
        version: Option<i64>,
    ) -> Result<ControlReply, Refusal> {
        self.means.writable(SpotKind::Setting, &name)?;
        check_setting(&name, &value).map_err(|message| {
            let field = FieldError { field: "value".to_owned(), message: message.clone() };
            Refusal { fields: vec![field], ..Refusal::new(RefusalKind::Invalid, message) }
        })?;
        let job = move |edit: &mut Edit<'_>| match &value {
            Value::Null => edit.unset_setting(&name, expect(version)),
            value => edit.set_setting(&name, expect(version), value).map(drop),
        };
        Ok(self.means.changes.commit(actor, job).await?.reply(None))
    }

    async fn rotate(&self, actor: &Actor) -> Result<ControlReply, Refusal> {
        let by = actor.stamp(now());
        let rewrapped = self.means.vault.rotate(&self.means.store, by).await.map_err(vault_refused)?;
        tracing::info!("the master key was replaced; {rewrapped} secrets are under the new one");
        let epoch = self.means.read(|view| view.epoch()).await?.unsigned_abs();
        let pending = self.means.changes.put_in_force(epoch).await;
        Ok(ControlReply::Changed(Box::new(Changed { epoch, pending, now: None })))
    }
}
