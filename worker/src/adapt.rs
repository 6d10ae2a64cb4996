//! What must change in a request before it is said in another dialect: ordered pure passes, each a file.
//!
//! limits → system → turns → tools → reasoning → schema → capabilities. A codec spells; a pass decides. Whatever a
//! pass changes of what the client said is a loss, so that the client can see it.

mod capabilities;
mod limits;
mod reasoning;
mod schema;
mod system;
mod tools;
mod turns;

use protocol::dialect::{Dialect, Quirks};
use protocol::ipc::configure::ModelFacts;
use protocol::model::{ChatRequest, Failure, Losses};

/// Who is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Profile<'a> {
    pub(crate) target: Dialect,
    pub(crate) quirks: &'a Quirks,
    pub(crate) facts: &'a ModelFacts,
}

/// Runs every pass. A request that stays in its dialect is left as its client wrote it.
///
/// # Errors
/// [`FailureKind::Unsupported`](protocol::model::FailureKind) when leaving something out would answer another question.
pub(crate) fn adapt(
    request: &mut ChatRequest,
    profile: &Profile<'_>,
    losses: &mut Losses,
) -> Result<(), Failure> {
    if request.origin == Some(profile.target) {
        return Ok(());
    }
    limits::pass(request, profile, losses);
    system::pass(request, profile, losses);
    turns::pass(request, losses);
    tools::pass(request, profile, losses);
    reasoning::pass(request, profile, losses);
    schema::pass(request, profile, losses);
    capabilities::pass(request, profile, losses)
}

#[cfg(test)]
mod testing;
