//! The two databases and the numbered files that make them. Files are embedded; nothing is read at run time.

use super::migrate::{Migration, Schema};

/// A migration, by its folder, number and name.
macro_rules! migration {
    ($folder:literal, $number:literal, $name:literal) => {
        migration!($folder, $number, $name, "000")
    };
    ($folder:literal, $number:literal, $name:literal, $zeros:literal) => {
        Migration {
            number: $number,
            name: $name,
            sql: include_str!(concat!(
                "../../../migrations/",
                $folder,
                "/",
                $zeros,
                $number,
                "_",
                $name,
                ".sql"
            )),
        }
    };
}

/// `config.db`: what an operator decides, people, audit.
pub(super) const CONFIG: Schema = Schema {
    application_id: i32::from_be_bytes(*b"LLMc"),
    migrations: &[
        migration!("config", 1, "settings"),
        migration!("config", 2, "secrets"),
        migration!("config", 3, "providers"),
        migration!("config", 4, "models"),
        migration!("config", 5, "apps"),
        migration!("config", 6, "people"),
        migration!("config", 7, "audit"),
        migration!("config", 8, "alerts"),
        migration!("config", 9, "events"),
        migration!("config", 10, "names", "00"),
        migration!("config", 11, "provider_secrets", "00"),
    ],
};

/// `usage.db`: what happened to calls.
pub(super) const USAGE: Schema = Schema {
    application_id: i32::from_be_bytes(*b"LLMu"),
    migrations: &[
        migration!("usage", 1, "calls"),
        migration!("usage", 2, "rollups"),
        migration!("usage", 3, "filters"),
    ],
};
