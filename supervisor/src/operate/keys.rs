//! Which key is meant: people say its label or how it begins, the supervisor its number.

use super::line::{Failure, Line};
use super::secret;
use crate::cli::deed::{AppKeyAct, ProviderKeyAct};
use protocol::control::app::AppKeyView;
use protocol::control::provider::KeyView;
use protocol::control::{ControlReply, ControlRequest};

pub(super) fn of_provider(
    provider: String,
    key: &str,
    act: ProviderKeyAct,
    line: &Line,
) -> Result<ControlRequest, Failure> {
    let ControlReply::Provider(view) = line.ask(ControlRequest::Provider { provider: provider.clone() })?
    else {
        return Err(Failure::Unexpected);
    };
    let fits = |one: &KeyView| one.id.to_string() == key || one.label == key;
    let found = only(view.keys.iter().filter(|one| fits(one)), key, &provider)?;
    let version = Some(found.version);
    Ok(match act {
        ProviderKeyAct::Remove => ControlRequest::DeleteProviderKey { provider, key: found.id, version },
        ProviderKeyAct::Edit { label, enabled, from } => {
            let value = from.as_ref().map(secret::key).transpose()?;
            if label.is_none() && enabled.is_none() && value.is_none() {
                return Err(Failure::Usage("nothing is to be changed: say --label or --replace".to_owned()));
            }
            ControlRequest::UpdateProviderKey { provider, key: found.id, label, enabled, value, version }
        }
    })
}

pub(super) fn of_app(app: String, key: &str, act: AppKeyAct, line: &Line) -> Result<ControlRequest, Failure> {
    let ControlReply::App(view) = line.ask(ControlRequest::App { app: app.clone() })? else {
        return Err(Failure::Unexpected);
    };
    let begins = |one: &AppKeyView| !one.prefix.is_empty() && key.starts_with(&one.prefix);
    let fits = |one: &AppKeyView| one.id.to_string() == key || one.label == key || begins(one);
    let alive = view.keys.iter().filter(|one| one.revoked_ms.is_none());
    let found = only(alive.filter(|one| fits(one)), key, &app)?.id;
    Ok(match act {
        AppKeyAct::Rotate { overlap_s } => ControlRequest::RotateAppKey { app, key: found, overlap_s },
        AppKeyAct::Revoke => ControlRequest::RevokeAppKey { app, key: found },
    })
}

fn only<'k, T>(mut fitting: impl Iterator<Item = &'k T>, key: &str, owner: &str) -> Result<&'k T, Failure> {
    let Some(found) = fitting.next() else {
        return Err(Failure::NotFound(format!("{owner} has no key `{key}`")));
    };
    if fitting.next().is_some() {
        return Err(Failure::Usage(format!("several keys of {owner} are called `{key}`; say its number")));
    }
    Ok(found)
}
