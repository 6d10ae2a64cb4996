//! HTTP in: accepting connections, finding out who asks for what, and answering in the client's dialect.
//!
//! The hot path of a call: [`connection`] → [`serve`] → [`dispatch`] → one or more [`attempt`]s → [`relay`].
//! The front parses no provider's body and holds no provider key. It never imports the admin API.

mod accept;
mod attempt;
mod budget;
mod call;
mod connection;
mod continuation;
#[cfg(test)]
mod cost;
mod course;
mod dispatch;
mod form;
mod gate;
mod hedge;
mod hold;
mod identify;
mod late;
mod models;
mod old;
mod ollama;
mod pages;
mod places;
mod poison;
mod quota;
mod refusal;
mod relay;
mod reply;
mod respond;
mod routes;
mod serve;
mod socket;
mod start;
mod traits;
mod trial;
mod tries;
mod watch;

pub(crate) use accept::accept;
pub(crate) use budget::RetryBudget;
pub(crate) use connection::run as serve_connection;
pub(crate) use gate::{Gate, Permit};
pub(crate) use identify::{Caller, Callers, CallersError, Door};
pub(crate) use models::model_list;
pub(crate) use places::{Place, Places};
pub(crate) use poison::Poison;
pub(crate) use quota::{supposed, used};
pub(crate) use reply::{Cut, Reply, ReplyBody};
pub(crate) use serve::serve;
pub(crate) use traits::estimated_input;
pub(crate) use watch::{Ask, Clock, Doing, Tick, Watch};

/// A number in 0..1 for jitter and choices; nobody gains by guessing it.
fn random() -> f64 {
    fastrand::f64()
}
