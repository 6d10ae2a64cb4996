//! The laws of translation, for all dialects at once. `cfg(test)` says to the lints what these modules are.

#[cfg(test)]
mod choices;
#[cfg(test)]
mod common;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod support;
#[cfg(test)]
mod traps;
#[cfg(test)]
mod vendors;
