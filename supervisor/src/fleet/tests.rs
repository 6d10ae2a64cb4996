//! The fleet with real processes: this test binary starts itself as router and workers ([`fake`]).

mod end;
mod fake;
mod handover;
mod life;
mod progress;
mod questions;
mod rank;
mod remembering;
mod replacement;
mod rig;
mod storm;
