//! A (provider, model) pair that may serve a call, with everything an attempt needs to know of it.

use super::vitals::Vitals;
use http::HeaderValue;
use protocol::ipc::configure::ModelEntry;
use std::sync::Arc;

/// See the module. Equal = the same pair.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) provider: Arc<str>,
    /// In the provider's own words.
    pub(crate) model: Arc<str>,
    /// Both names as response headers; made here because every answer carries them.
    pub(crate) provider_header: HeaderValue,
    pub(crate) model_header: HeaderValue,
    pub(crate) vitals: Arc<Vitals>,
    /// What the catalogue says of the model, if it has it.
    pub(crate) entry: Option<Arc<ModelEntry>>,
}

/// The candidates of a call, in order.
pub(crate) type Route = Arc<[Candidate]>;

impl Candidate {
    pub(super) fn new(model: &str, vitals: Arc<Vitals>, entry: Option<Arc<ModelEntry>>) -> Self {
        let provider = Arc::clone(&vitals.account.provider);
        Self {
            provider_header: header_value(&provider),
            model_header: header_value(model),
            provider,
            model: model.into(),
            vitals,
            entry,
        }
    }

    /// A pair of which nothing is known.
    #[cfg(test)]
    pub(crate) fn bare(provider: &str, model: &str) -> Self {
        Self::new(model, Vitals::new(&super::vitals::Account::new(provider), model), None)
    }

    pub(crate) fn is(&self, other: &Candidate) -> bool {
        self.provider == other.provider && self.model == other.model
    }

    /// Its calls should have moved on by now.
    pub(crate) fn is_past(&self, now_ms: u64) -> bool {
        self.entry.as_ref().and_then(|e| e.sunset_ms).is_some_and(|sunset| sunset <= now_ms)
    }

    /// `provider/model`, for people.
    pub(crate) fn address(&self) -> String {
        format!("{}/{}", self.provider, self.model)
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.is(other)
    }
}

/// Names are the operator's or the client's words: what a header cannot hold is replaced.
fn header_value(name: &str) -> HeaderValue {
    let plain: String =
        name.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).collect();
    HeaderValue::try_from(plain).unwrap_or(HeaderValue::from_static("?"))
}
