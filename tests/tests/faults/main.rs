//! Faults injected into a running system, each with its pass criterion (F numbers as in the list of faults
//! the product must survive). The counts are short by default, and times may be ten times the criterion,
//! for debug builds on busy machines; `LLM_LINK_FULL=1` asks for the full counts and the criterion itself.
//! Each test prints what it measured.

mod breaker;
mod clients;
mod dies;
mod flood;
mod greed;
mod ipc;
mod kill;
mod routing;
mod secrets;
mod start;
