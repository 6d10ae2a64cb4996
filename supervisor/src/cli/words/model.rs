//! `models`: what providers serve, and what it costs.

use super::FieldFlags;
use crate::cli::deed::{Deed, Edited};
use crate::cli::patch::Patch;
use crate::cli::when::{self, When};
use clap::{Args, Subcommand};
use protocol::control::ControlRequest;
use protocol::control::model::PriceSpec;

impl Default for Task {
    fn default() -> Self {
        Task::List { provider: None }
    }
}

#[derive(Subcommand)]
pub(in crate::cli) enum Task {
    /// The models, one a line.
    List {
        /// Only of this provider.
        #[arg(long)]
        provider: Option<String>,
    },
    /// Add a model or change what is known of it.
    Set(SetFlags),
    /// Forget a model.
    Remove { provider: String, model: String },
    /// Add a price, per million tokens.
    Price(PriceFlags),
    /// Remove a price by its number, as `models list --json` says.
    Unprice { price: i64 },
}

#[derive(Args)]
pub(in crate::cli) struct SetFlags {
    provider: String,
    /// The provider's own id.
    model: String,
    /// Tokens it can be given and give, together.
    #[arg(long, value_name = "TOKENS")]
    context: Option<u64>,
    #[arg(long, value_name = "TOKENS")]
    max_output: Option<u64>,
    /// It can call tools.
    #[arg(long, value_name = "true|false")]
    tools: Option<bool>,
    /// It can see images.
    #[arg(long, value_name = "true|false")]
    vision: Option<bool>,
    #[arg(long, value_name = "true|false")]
    reasoning: Option<bool>,
    #[arg(long, value_name = "true|false")]
    enabled: Option<bool>,
    #[arg(long, value_name = "true|false")]
    deprecated: Option<bool>,
    /// From then on calls move to an alternative.
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    sunset: Option<When>,
    /// What to use instead, in order.
    #[arg(long, value_delimiter = ',', value_name = "MODEL,...")]
    alternatives: Option<Vec<String>>,
    #[command(flatten)]
    others: FieldFlags,
}

#[derive(Args)]
pub(in crate::cli) struct PriceFlags {
    provider: String,
    model: String,
    /// ISO 4217: USD, CNY.
    #[arg(long)]
    currency: String,
    /// Of a million input tokens that no cache had: 0.27.
    #[arg(long, value_name = "AMOUNT", value_parser = micro)]
    input: Option<u64>,
    #[arg(long, value_name = "AMOUNT", value_parser = micro)]
    cache_read: Option<u64>,
    #[arg(long, value_name = "AMOUNT", value_parser = micro)]
    cache_write: Option<u64>,
    #[arg(long, value_name = "AMOUNT", value_parser = micro)]
    output: Option<u64>,
    /// In force from then on [default: now].
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    since: Option<When>,
}

/// Millionths.
fn micro(text: &str) -> Result<u64, String> {
    let wrong = || "no amount; 0.27 is, with up to six digits after the point".to_owned();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 6 {
        return Err(wrong());
    }
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    let part: u64 = format!("{fraction:0<6}").parse().map_err(|_| wrong())?;
    whole.checked_mul(1_000_000).and_then(|n| n.checked_add(part)).ok_or_else(wrong)
}

impl SetFlags {
    fn deed(self, now_ms: i64) -> Deed {
        let mut patch = Patch::default();
        patch.set_some(&["facts", "context"], self.context);
        patch.set_some(&["facts", "max_output"], self.max_output);
        patch.set_some(&["facts", "tools"], self.tools);
        patch.set_some(&["facts", "vision"], self.vision);
        patch.set_some(&["facts", "reasoning"], self.reasoning);
        patch.set_some(&["enabled"], self.enabled);
        patch.set_some(&["deprecated"], self.deprecated);
        patch.set_some(&["sunset_ms"], self.sunset.map(|when| when.after(now_ms)));
        patch.set_some(&["alternatives"], self.alternatives);
        self.others.into(&mut patch);
        let what = Edited::Model { provider: self.provider, model: self.model };
        Deed::Edit { what, fields: patch }
    }
}

impl PriceFlags {
    fn request(self, now_ms: i64) -> ControlRequest {
        let spec = PriceSpec {
            since_ms: self.since.map_or(now_ms, |when| when.before(now_ms)),
            currency: self.currency,
            input_fresh: self.input,
            cache_read: self.cache_read,
            cache_write: self.cache_write,
            output: self.output,
        };
        ControlRequest::AddPrice { provider: self.provider, model: self.model, spec }
    }
}

impl Task {
    pub(super) fn deed(self, now_ms: i64) -> Deed {
        let request = match self {
            Task::List { provider } => ControlRequest::Models { provider },
            Task::Set(flags) => return flags.deed(now_ms),
            Task::Remove { provider, model } => {
                ControlRequest::DeleteModel { provider, model, version: None }
            }
            Task::Price(flags) => flags.request(now_ms),
            Task::Unprice { price } => ControlRequest::DeletePrice { price },
        };
        Deed::Ask(Box::new(request))
    }
}
