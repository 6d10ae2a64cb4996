//! How hosts of this dialect deviate, as data.

use serde::Deserialize;

/// Deviations of one host. The default is the dialect as its maker documents it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    /// The host knows only the OpenAPI subset for schemas (`parameters`, `responseSchema`).
    pub openapi_schema: bool,
}
