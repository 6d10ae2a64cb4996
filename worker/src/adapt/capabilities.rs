//! What the model or its API cannot do at all: tools, pictures, pictures by address.
//!
//! Nothing is fetched: a worker's sandbox lets it reach its provider and nobody else, so a picture that only has
//! an address cannot be turned into the bytes that Ollama's API wants, and the call is refused, naming it.

use super::Profile;
use protocol::dialect::Dialect;
use protocol::model::{
    ChatRequest, Failure, FailureKind, LossReason, Losses, Media, MediaKind, MediaSource, Part,
};
use std::fmt::Arguments;

/// Says in words that something is missing here, so that the model does not answer as if it had seen it.
const UNSEEN: &str = "(an image was here; this model cannot see images)";

/// Leaves out what the model is known not to do.
pub(super) fn pass(
    request: &mut ChatRequest,
    profile: &Profile<'_>,
    losses: &mut Losses,
) -> Result<(), Failure> {
    if profile.facts.tools == Some(false) && !request.tools.is_empty() {
        losses.add("tools", LossReason::Incapable);
        request.tools.clear();
        request.tool_choice = None;
    }
    for (i, message) in request.messages.iter_mut().enumerate() {
        parts(&mut message.parts, format_args!("messages[{i}].content"), profile, losses)?;
    }
    Ok(())
}

fn parts(
    parts: &mut [Part],
    path: Arguments<'_>,
    profile: &Profile<'_>,
    losses: &mut Losses,
) -> Result<(), Failure> {
    for part in parts {
        match part {
            Part::ToolResult(result) => self::parts(&mut result.parts, path, profile, losses)?,
            Part::Media(media) if media.kind == MediaKind::Image && profile.facts.vision == Some(false) => {
                losses.add(path.to_string(), LossReason::Incapable);
                *part = Part::text(UNSEEN);
            }
            Part::Media(media) => check(media, path, profile)?,
            Part::Text(_) | Part::Reasoning(_) | Part::ToolCall(_) | Part::Refusal(_) | Part::Opaque(_) => {}
        }
    }
    Ok(())
}

fn check(media: &Media, path: Arguments<'_>, profile: &Profile<'_>) -> Result<(), Failure> {
    let elsewhere = matches!(media.source, MediaSource::Url(_));
    if profile.target == Dialect::Ollama && media.kind == MediaKind::Image && elsewhere {
        let message =
            "this provider's API takes images as bytes only: send a data: URL instead of an address";
        return Err(Failure::new(FailureKind::Unsupported, message).with_param(path.to_string()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{chat, lost, plain};
    use super::*;
    use protocol::ipc::configure::ModelFacts;
    use serde_json::json;

    fn picture(url: &str) -> ChatRequest {
        let image = json!({"type": "image_url", "image_url": {"url": url}});
        chat(&json!({"messages": [{"role": "user", "content": [image]}],
                     "tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "auto"}))
    }

    #[test]
    fn what_the_model_cannot_is_left_out_and_said() {
        let facts = ModelFacts { tools: Some(false), vision: Some(false), ..ModelFacts::default() };
        let mut request = picture("data:image/png;base64,AA==");
        let mut losses = Losses::default();
        let profile = Profile { facts: &facts, ..plain(Dialect::Anthropic) };
        pass(&mut request, &profile, &mut losses).unwrap();
        assert_eq!(lost(losses), ["tools:Incapable", "messages[0].content:Incapable"]);
        assert_eq!(request.messages[0].parts, [Part::text(UNSEEN)]);
        assert!(request.tools.is_empty() && request.tool_choice.is_none());
    }

    #[test]
    fn an_address_is_no_picture_for_ollama() {
        let tried = |url, target| pass(&mut picture(url), &plain(target), &mut Losses::default());
        let failure = tried("https://example.com/a.png", Dialect::Ollama).unwrap_err();
        assert_eq!(failure.param.as_deref(), Some("messages[0].content"));
        assert!(tried("data:image/png;base64,AA==", Dialect::Ollama).is_ok());
        assert!(tried("https://example.com/a.png", Dialect::Gemini).is_ok());
    }
}
