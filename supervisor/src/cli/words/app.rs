//! `apps`: clients, their keys, limits and routes.

use super::FieldFlags;
use crate::cli::deed::{AppKeyAct, Deed, Edited};
use crate::cli::patch::{Patch, pair};
use crate::cli::when::{self, When};
use crate::settings::quantity;
use clap::{Args, Subcommand};
use protocol::control::ControlRequest;
use protocol::control::app::AppKeySpec;
use protocol::control::route::DryRun;
use protocol::dialect::Dialect;
use serde_json::{Value, json};

#[derive(Default, Subcommand)]
pub(in crate::cli) enum Task {
    /// The apps, one a line.
    #[default]
    List,
    /// Everything about one app: limits and how full they are, route, keys.
    Show { name: String },
    /// Add an app, and make its first key. The key is shown this once.
    Add(AddFlags),
    /// Change fields of an app.
    Edit(EditFlags),
    /// Remove an app; its keys are worth nothing from then on.
    Remove { name: String },
    /// Show or change where an app's calls go.
    Route(RouteFlags),
    /// Say where a call would go now, and why, without making it.
    DryRun(DryRunFlags),
    /// Keys of an app.
    #[command(subcommand)]
    Keys(KeyTask),
}

#[derive(Subcommand)]
pub(in crate::cli) enum KeyTask {
    /// Make a key. It is shown this once.
    Add {
        app: String,
        #[command(flatten)]
        key: NewKey,
    },
    /// Make a new key in place of another, which goes on for a while.
    Rotate {
        app: String,
        /// Its number, label or first characters, as `apps show` says.
        key: String,
        /// How long both are good.
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = seconds)]
        overlap: u64,
    },
    /// Refuse a key from now on.
    Revoke { app: String, key: String },
}

#[derive(Args)]
pub(in crate::cli) struct NewKey {
    /// What people call it.
    #[arg(long, default_value = "")]
    label: String,
    /// It is good until then: 90d, 2027-01-31.
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    expires: Option<When>,
}

#[derive(Args)]
pub(in crate::cli) struct AddFlags {
    /// a-z, 0-9, `.`, `_` and `-`.
    name: String,
    /// Make no key yet.
    #[arg(long)]
    no_key: bool,
    #[command(flatten)]
    key: NewKey,
    #[command(flatten)]
    fields: Fields,
}

#[derive(Args)]
pub(in crate::cli) struct EditFlags {
    name: String,
    /// Serve it again, or refuse its calls.
    #[arg(long, value_name = "true|false")]
    enabled: Option<bool>,
    #[command(flatten)]
    fields: Fields,
}

/// What is said about an app.
#[derive(Args)]
struct Fields {
    /// Refuse calls that cannot be translated without loss.
    #[arg(long, value_name = "true|false")]
    strict: Option<bool>,
    /// For people.
    #[arg(long)]
    note: Option<String>,
    /// Names and patterns it may ask for.
    #[arg(long, value_delimiter = ',', value_name = "PATTERN,...")]
    models: Option<Vec<String>>,
    #[arg(long, value_name = "NUMBER")]
    requests_per_second: Option<u32>,
    #[arg(long, value_name = "NUMBER")]
    requests_per_minute: Option<u32>,
    #[arg(long, value_name = "NUMBER")]
    tokens_per_minute: Option<u64>,
    /// Calls at once.
    #[arg(long, value_name = "NUMBER")]
    concurrent: Option<u32>,
    #[arg(long, value_name = "NUMBER")]
    tokens_per_day: Option<u64>,
    #[arg(long, value_name = "NUMBER")]
    tokens_per_month: Option<u64>,
    /// In the currency of the prices: 10.50.
    #[arg(long, value_name = "AMOUNT", value_parser = nano)]
    cost_per_day: Option<u64>,
    #[arg(long, value_name = "AMOUNT", value_parser = nano)]
    cost_per_month: Option<u64>,
    #[command(flatten)]
    others: FieldFlags,
}

#[derive(Args)]
pub(in crate::cli) struct RouteFlags {
    /// The app.
    name: String,
    /// priority, round_robin, weighted, least_connections or latency.
    #[arg(long)]
    rule: Option<String>,
    /// PROVIDER, PROVIDER/MODEL, or with a weight PROVIDER/MODEL=3. In order; can be repeated.
    #[arg(long, value_name = "CANDIDATE", value_delimiter = ',')]
    to: Vec<String>,
    /// After the candidates, in order.
    #[arg(long, value_name = "CANDIDATE", value_delimiter = ',')]
    fallback: Vec<String>,
    /// Calls with the same value of this header stay together.
    #[arg(long, value_name = "HEADER")]
    sticky: Option<String>,
    /// Forget the route: the providers by their own priority.
    #[arg(long, conflicts_with_all = ["rule", "to", "fallback", "sticky"])]
    clear: bool,
    #[command(flatten)]
    others: FieldFlags,
}

#[derive(Args)]
pub(in crate::cli) struct DryRunFlags {
    /// The app that would call.
    name: String,
    /// The model it would ask for.
    model: String,
    /// The dialect it would speak.
    #[arg(long, value_parser = dialect)]
    dialect: Option<Dialect>,
    /// The call has tools.
    #[arg(long)]
    tools: bool,
    /// The call has images.
    #[arg(long)]
    vision: bool,
    /// How long the call is, in tokens.
    #[arg(long, value_name = "NUMBER")]
    input_tokens: Option<u64>,
    /// The value of the sticky header.
    #[arg(long, value_name = "VALUE")]
    sticky: Option<String>,
}

fn nano(text: &str) -> Result<u64, String> {
    let wrong = || "no amount; 10 and 0.25 are".to_owned();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return Err(wrong());
    }
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    let part: u64 = format!("{fraction:0<9}").parse().map_err(|_| wrong())?;
    whole.checked_mul(1_000_000_000).and_then(|n| n.checked_add(part)).ok_or_else(wrong)
}

fn seconds(text: &str) -> Result<u64, String> {
    quantity::duration(text).map(|duration| duration.as_secs()).map_err(|error| error.to_string())
}

fn dialect(text: &str) -> Result<Dialect, String> {
    let names = || Dialect::ALL.map(Dialect::name).join(", ");
    Dialect::from_name(text).ok_or_else(|| format!("no dialect; {} are", names()))
}

/// `provider`, `provider/model`, either with `=weight`.
pub(super) fn step(text: &str) -> Value {
    let (target, weight) = match pair(text) {
        Ok((target, weight)) => (target, weight.parse::<u32>().map_or(Value::from(weight), Value::from)),
        Err(_) => (text.trim().to_owned(), Value::from(1)),
    };
    match target.split_once('/') {
        Some((provider, model)) => json!({ "provider": provider, "model": model, "weight": weight }),
        None => json!({ "provider": target, "weight": weight }),
    }
}

impl Fields {
    fn patch(self) -> Patch {
        let mut patch = Patch::default();
        patch.set_some(&["strict"], self.strict);
        patch.set_some(&["note"], self.note);
        patch.set_some(&["models"], self.models);
        patch.set_some(&["limits", "requests_per_second"], self.requests_per_second);
        patch.set_some(&["limits", "requests_per_minute"], self.requests_per_minute);
        patch.set_some(&["limits", "tokens_per_minute"], self.tokens_per_minute);
        patch.set_some(&["limits", "concurrent"], self.concurrent);
        patch.set_some(&["limits", "tokens_per_day"], self.tokens_per_day);
        patch.set_some(&["limits", "tokens_per_month"], self.tokens_per_month);
        patch.set_some(&["limits", "cost_per_day_nano"], self.cost_per_day);
        patch.set_some(&["limits", "cost_per_month_nano"], self.cost_per_month);
        self.others.into(&mut patch);
        patch
    }
}

impl NewKey {
    fn spec(self, now_ms: i64) -> AppKeySpec {
        AppKeySpec { label: self.label, expires_ms: self.expires.map(|when| when.after(now_ms)) }
    }
}

impl RouteFlags {
    fn deed(self) -> Deed {
        let mut patch = Patch::default();
        patch.set_some(&["rule"], self.rule);
        let steps = |texts: Vec<String>| -> Vec<Value> { texts.iter().map(|text| step(text)).collect() };
        patch.set_some(&["candidates"], (!self.to.is_empty()).then(|| steps(self.to)));
        patch.set_some(&["fallback"], (!self.fallback.is_empty()).then(|| steps(self.fallback)));
        patch.set_some(&["sticky_header"], self.sticky);
        self.others.into(&mut patch);
        if self.clear {
            let request = ControlRequest::SetRoute { app: self.name, route: None, version: None };
            return Deed::Ask(Box::new(request));
        }
        if patch.is_empty() {
            return Deed::Ask(Box::new(ControlRequest::App { app: self.name }));
        }
        Deed::Edit { what: Edited::Route(self.name), fields: patch }
    }
}

impl DryRunFlags {
    fn request(self) -> ControlRequest {
        let call = DryRun {
            app: self.name,
            model: self.model,
            dialect: self.dialect,
            needs_tools: self.tools,
            needs_vision: self.vision,
            input_tokens: self.input_tokens,
            sticky: self.sticky,
        };
        ControlRequest::DryRun { call }
    }
}

impl Task {
    pub(super) fn deed(self, now_ms: i64) -> Deed {
        use ControlRequest as R;
        let request = match self {
            Task::List => R::Apps,
            Task::Show { name } => R::App { app: name },
            Task::Add(add) => {
                let key = (!add.no_key).then(|| add.key.spec(now_ms));
                return Deed::AddApp { name: add.name, fields: add.fields.patch(), key };
            }
            Task::Edit(edit) => {
                let mut fields = edit.fields.patch();
                fields.set_some(&["enabled"], edit.enabled);
                return Deed::Edit { what: Edited::App(edit.name), fields };
            }
            Task::Remove { name } => R::DeleteApp { app: name, version: None },
            Task::Route(route) => return route.deed(),
            Task::DryRun(flags) => flags.request(),
            Task::Keys(KeyTask::Add { app, key }) => R::CreateAppKey { app, spec: key.spec(now_ms) },
            Task::Keys(KeyTask::Rotate { app, key, overlap }) => {
                return Deed::AppKey { app, key, act: AppKeyAct::Rotate { overlap_s: overlap } };
            }
            Task::Keys(KeyTask::Revoke { app, key }) => {
                return Deed::AppKey { app, key, act: AppKeyAct::Revoke };
            }
        };
        Deed::Ask(Box::new(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_amounts() {
        assert_eq!(step("a"), json!({ "provider": "a", "weight": 1 }));
        assert_eq!(step("a/b/c=3"), json!({ "provider": "a", "model": "b/c", "weight": 3 }));
        assert_eq!(step("a=x"), json!({ "provider": "a", "weight": "x" }), "refused where it is read");
        assert_eq!((nano("10"), nano("0.25")), (Ok(10_000_000_000), Ok(250_000_000)));
        for wrong in ["", ".5", "-1", "1e3", "0.1234567891", "99999999999999"] {
            assert!(nano(wrong).is_err(), "{wrong}");
        }
    }
}
