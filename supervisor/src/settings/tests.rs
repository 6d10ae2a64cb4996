//! What a configuration means, what is refused and how, and what its children are told.

mod arbitrary;
mod children;
mod example;
mod meaning;
mod refusals;

use super::testing::Pretend;
use super::*;
use std::path::PathBuf;

/// A provider that needs nothing.
const DEMO: &str = "\n[[providers]]\nname = \"demo\"\npreset = \"demo\"\n";

fn load_file(text: &str, pretend: &Pretend) -> Loaded {
    let pretend = pretend.clone().with_file("a.toml", text);
    let loaded = load(&Origin::File(PathBuf::from("a.toml")), &Overrides::default(), &pretend, Account::Root);
    // Nothing is stored here.
    let outcome = loaded.outcome.and_then(|loaded_| loaded.missing.map_or(Ok(loaded_), Err));
    Loaded { outcome, missing: None, ..loaded }
}

fn settings_with(text: &str, pretend: &Pretend) -> Settings {
    match load_file(text, pretend).outcome {
        Ok((_, settings)) => settings,
        Err(mistakes) => panic!("refused:\n{mistakes}"),
    }
}

fn settings(text: &str) -> Settings {
    settings_with(text, &Pretend::default())
}

fn mistakes_with(text: &str, pretend: &Pretend) -> String {
    match load_file(text, pretend).outcome {
        Ok(_) => panic!("not refused:\n{text}"),
        Err(mistakes) => mistakes.to_string(),
    }
}
