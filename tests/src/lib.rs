//! The black box: what the tests and the benchmark need to run the real executable, play the provider
//! behind it and look at both from outside. Knows the executable only by its command line, its files and
//! its sockets; never links its code. (Only the wire formats of `protocol` are shared, for fault tests.)
//!
//! * [`stack`]: the executable, running, with the configuration of [`config`]; [`scene`]: the usual cast.
//! * [`upstream`]: a provider that does what its [`script`] says, or that a [`player`] plays from fixtures; [`chaos`]:
//!   a bad network in front of it.
//! * [`control`]: what an operator asks at the socket; [`operator`]: a person or script at the admin API.
//! * [`client`], [`stream`], [`heard`]: what an app does, and how a stream ended; [`crowd`]: many of them at once.
//! * [`proc`], [`memory`]: what the kernel says about processes; [`wait`]: conditions with a deadline.

pub mod chaos;
pub mod client;
pub mod config;
pub mod control;
pub mod crowd;
pub mod heard;
pub mod memory;
pub mod operator;
pub mod player;
pub mod proc;
pub mod request;
pub mod scene;
pub mod script;
pub mod stack;
pub mod stream;
pub mod upstream;
pub mod wait;
pub mod watcher;
