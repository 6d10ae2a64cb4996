//! Vendors are rows of data: where a provider's dialects are, how its key travels and is called in an
//! environment, and what is known of its models.
//!
//! Owns [`presets.toml`](https://toml.io), its types and the one rule for base URLs ([`BaseUrl`]).
//! Never reads the environment or a file, and holds no code for any one vendor: a new vendor is a new row.

mod base_url;
mod row;
#[cfg(test)]
mod tests;

pub use base_url::{BaseUrl, BaseUrlError, Scheme, version_prefix};
pub use row::{EndpointError, KeyNeed, Preset, PresetEndpoint, PresetModel, all, find, names};

/// The preset of a provider that is described by `dialect` and `base_url` alone.
pub const GENERIC: &str = "openai-compatible";

/// The preset that answers by itself, offline.
pub const DEMO: &str = "demo";
