//! A provider that needs no network and no key: the newcomer's first answer, and a scripted upstream for tests.
//!
//! It speaks OpenAI Chat Completions and behaves as its model's name says (`demo-chunks=50-delay=20`); the
//! [`knobs`] page lists the words. Everything up to the bytes of the answer is pure ([`plan`]); only [`stage`]
//! waits, writes, and breaks the process it runs in. It never opens a connection or a file, except where the
//! `probe` knob asks the sandbox to show that it cannot.
//!
//! * [`knobs`]: the model's name. [`request`]: what the client asked for.
//! * [`answer`]: what is said. [`text`], [`wording`], [`schema`]: how it is made.
//! * [`plan`]: when which bytes leave. [`wire`]: their shape. [`trouble`]: the ways to fail.
//! * [`stage`]: carries a plan out. [`mischief`]: what it does to its own process.

mod answer;
mod knobs;
mod mischief;
mod plan;
mod request;
mod schema;
mod stage;
mod text;
mod trouble;
mod wire;
mod wording;

pub(crate) use stage::answer;
