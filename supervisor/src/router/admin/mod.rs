//! The admin API: HTTP in front of [`protocol::control`]. It takes a request apart, asks the supervisor, and puts
//! the reply into a response. It authorises nothing and holds no secret: tokens go on as they came.
//!
//! * the table: [`route`] (what a row is), [`table`] (all rows and the search), one file a noun with its rows:
//!   [`auth`], [`system`], [`providers`], [`models`], [`apps`], [`users`], [`record`], [`monitoring`]
//! * a request's way: [`serve`] with [`incoming`], [`credentials`]; back: [`answer`], [`reply`], [`problem`]
//! * [`openapi`]: the document, made from the table
//!
//! It never imports the client APIs (`front`).

mod answer;
mod apps;
mod auth;
mod credentials;
mod incoming;
mod models;
mod monitoring;
mod openapi;
mod problem;
mod providers;
mod record;
mod reply;
mod route;
mod serve;
mod system;
mod table;
mod users;

pub(crate) use route::Live;
pub(crate) use serve::{Served, Visit, owns, serve};
pub(crate) use table::UNVERSIONED as BASE;
