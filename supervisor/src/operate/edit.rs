//! Things made and changed: read, patched, written back with the version that was read.

use super::line::{Failure, Line};
use super::print::Printer;
use super::{Outcome, ask, secret};
use crate::cli::Format;
use crate::cli::deed::{Edited, KeyFrom, SecretFrom};
use crate::cli::patch::Patch;
use protocol::control::app::{AppKeySpec, AppSpec};
use protocol::control::model::{AliasSpec, ModelSpec};
use protocol::control::people::UserSpec;
use protocol::control::provider::ProviderSpec;
use protocol::control::route::RouteSpec;
use protocol::control::{ControlReply, ControlRequest};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub(super) fn add_provider(
    name: String,
    fields: &Patch,
    key: Option<KeyFrom>,
    line: &Line,
    printer: &Printer,
) -> Outcome {
    let spec: ProviderSpec = patched(&with_secrets(fields)?, json!({ "name": name }))?;
    let takes_one =
        protocol::preset::find(&spec.preset).is_none_or(|p| p.key != protocol::preset::KeyNeed::None);
    let offer = key.filter(|from| takes_one || *from != KeyFrom::Offered);
    let key = offer.as_ref().map(secret::offered).transpose()?.flatten();
    ask(ControlRequest::CreateProvider { spec: Box::new(spec), key }, line, printer)
}

/// The app, and with it its first key.
pub(super) fn add_app(
    name: String,
    fields: &Patch,
    key: Option<AppKeySpec>,
    line: &Line,
    printer: &Printer,
) -> Outcome {
    let spec: AppSpec = patched(fields, json!({ "name": name }))?;
    let made = line.ask(ControlRequest::CreateApp { spec, route: None })?;
    let Some(key) = key else { return printer.reply(&made) };
    let key = line.ask(ControlRequest::CreateAppKey { app: name, spec: key })?;
    if printer.format == Format::Text {
        printer.reply(&made)?;
    }
    // Programs get the answer that holds the key; the app is in it by name.
    printer.reply(&key)
}

pub(super) fn add_user(
    name: String,
    fields: &Patch,
    password: SecretFrom,
    line: &Line,
    printer: &Printer,
) -> Outcome {
    let spec: UserSpec = patched(fields, json!({ "name": name, "permissions": [] }))?;
    let password = secret::password(password)?;
    ask(ControlRequest::CreateUser { spec, password }, line, printer)
}

pub(super) fn edit(what: Edited, fields: &Patch, line: &Line, printer: &Printer) -> Outcome {
    if fields.is_empty() {
        let how = "nothing is to be changed: say which fields, for example --set FIELD=VALUE";
        return Err(Failure::Usage(how.to_owned()));
    }
    let request = match what {
        Edited::Provider(name) => provider(name, fields, line)?,
        Edited::App(name) => app(name, fields, line)?,
        Edited::Route(name) => route(name, fields, line)?,
        Edited::Model { provider, model } => self::model(provider, model, fields, line)?,
        Edited::Alias(name) => alias(name, fields, line)?,
        Edited::User(name) => user(name, fields, line)?,
    };
    ask(request, line, printer)
}

fn provider(name: String, fields: &Patch, line: &Line) -> Result<ControlRequest, Failure> {
    let ControlReply::Provider(view) = line.ask(ControlRequest::Provider { provider: name.clone() })? else {
        return Err(Failure::Unexpected);
    };
    let spec: ProviderSpec = patched(&with_secrets(fields)?, value(&view.spec))?;
    Ok(ControlRequest::UpdateProvider { provider: name, spec: Box::new(spec), version: seen(view.version) })
}

fn app(name: String, fields: &Patch, line: &Line) -> Result<ControlRequest, Failure> {
    let ControlReply::App(view) = line.ask(ControlRequest::App { app: name.clone() })? else {
        return Err(Failure::Unexpected);
    };
    let spec = patched(fields, value(&view.spec))?;
    Ok(ControlRequest::UpdateApp { app: name, spec, version: seen(view.version) })
}

fn route(name: String, fields: &Patch, line: &Line) -> Result<ControlRequest, Failure> {
    let ControlReply::App(view) = line.ask(ControlRequest::App { app: name.clone() })? else {
        return Err(Failure::Unexpected);
    };
    let route: RouteSpec = patched(fields, value(&view.route.unwrap_or_default()))?;
    Ok(ControlRequest::SetRoute { app: name, route: Some(route), version: seen(view.route_version) })
}

fn model(provider: String, model: String, fields: &Patch, line: &Line) -> Result<ControlRequest, Failure> {
    let ControlReply::Models(models) =
        line.ask(ControlRequest::Models { provider: Some(provider.clone()) })?
    else {
        return Err(Failure::Unexpected);
    };
    let known = models.into_iter().find(|one| one.spec.name == model);
    let (now, version) =
        known.map_or((json!({ "name": model }), None), |one| (value(&one.spec), seen(one.version)));
    let spec: ModelSpec = patched(fields, now)?;
    Ok(ControlRequest::SaveModel { provider, spec, version })
}

fn alias(name: String, fields: &Patch, line: &Line) -> Result<ControlRequest, Failure> {
    let ControlReply::Aliases(aliases) = line.ask(ControlRequest::Aliases)? else {
        return Err(Failure::Unexpected);
    };
    let known = aliases.into_iter().find(|one| one.spec.name == name);
    let new = json!({ "name": name, "candidates": [] });
    let (now, version) = known.map_or((new, None), |one| (value(&one.spec), seen(one.version)));
    let spec: AliasSpec = patched(fields, now)?;
    Ok(ControlRequest::SaveAlias { spec, version })
}

fn user(name: String, fields: &Patch, line: &Line) -> Result<ControlRequest, Failure> {
    let ControlReply::Users(users) = line.ask(ControlRequest::Users)? else {
        return Err(Failure::Unexpected);
    };
    let known = users.into_iter().find(|one| one.spec.name.eq_ignore_ascii_case(&name));
    let Some(known) = known else { return Err(Failure::NotFound(format!("there is no user `{name}`"))) };
    let spec: UserSpec = patched(fields, value(&known.spec))?;
    Ok(ControlRequest::UpdateUser { user: name, spec, version: seen(known.version) })
}

fn with_secrets(fields: &Patch) -> Result<Patch, Failure> {
    fields.with_secrets(|name, from| Ok(value(&secret::named(from, name)?)))
}

/// 0 = there is no row: any version will do, and the supervisor says what it thinks of that.
fn seen(version: i64) -> Option<i64> {
    (version > 0).then_some(version)
}

fn value(spec: &impl Serialize) -> Value {
    serde_json::to_value(spec).unwrap_or_default()
}

fn patched<T: DeserializeOwned>(fields: &Patch, thing: Value) -> Result<T, Failure> {
    fields.applied(thing).map_err(Failure::Field)
}
