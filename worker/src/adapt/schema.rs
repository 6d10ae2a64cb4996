//! The form of the answer where the API has no word for it: asked for in plain words.

use super::Profile;
use protocol::dialect::Dialect;
use protocol::model::{ChatRequest, LossReason, Losses, Message, Part, ResponseFormat, Role};

const OBJECT: &str = "Answer with one JSON object and nothing else: no explanation, no code fence.";

/// Anthropic's API has no free JSON mode, and vendors of its dialect no schemas. The wish is put into words, at
/// the end of the system prompt, so that a client sees it in the losses and the model does what it can.
pub(super) fn pass(request: &mut ChatRequest, profile: &Profile<'_>, losses: &mut Losses) {
    if profile.target != Dialect::Anthropic {
        return;
    }
    let words = match &request.format {
        Some(ResponseFormat::JsonObject) => OBJECT.to_owned(),
        Some(ResponseFormat::JsonSchema(format)) if !profile.quirks.anthropic.structured_output => {
            format!("{OBJECT} It must match this JSON schema:\n{}", format.schema.as_str())
        }
        Some(ResponseFormat::JsonSchema(_) | ResponseFormat::Text) | None => return,
    };
    request.format = None;
    losses.add("response_format", LossReason::Adjusted);
    let leading = request.messages.iter().take_while(|message| message.role == Role::System).count();
    request.messages.insert(leading, Message::new(Role::System, vec![Part::text(words)]));
}

#[cfg(test)]
mod tests {
    use super::super::testing::{chat, lost, plain};
    use super::*;
    use protocol::dialect::{Quirks, anthropic};
    use serde_json::json;

    fn passed(format: serde_json::Value, profile: &Profile<'_>) -> (ChatRequest, Vec<String>) {
        let system = json!({"role": "system", "content": "Be brief."});
        let mut request = chat(&json!({"messages": [system], "response_format": format}));
        let mut losses = Losses::default();
        pass(&mut request, profile, &mut losses);
        (request, lost(losses))
    }

    #[test]
    fn a_form_without_a_word_is_asked_for_in_words() {
        let object = json!({"type": "json_object"});
        let schema =
            json!({"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}});
        let (request, losses) = passed(object.clone(), &plain(Dialect::Anthropic));
        assert_eq!(losses, ["response_format:Adjusted"]);
        assert_eq!((request.format, request.messages[1].text()), (None, OBJECT.to_owned()));
        let (request, losses) = passed(schema.clone(), &plain(Dialect::Anthropic));
        assert!(request.format.is_some() && losses.is_empty());
        let old = anthropic::Quirks { structured_output: false, ..anthropic::Quirks::default() };
        let old = Quirks { anthropic: old, ..Quirks::default() };
        let (request, losses) = passed(schema, &Profile { quirks: &old, ..plain(Dialect::Anthropic) });
        assert_eq!(losses, ["response_format:Adjusted"]);
        assert!(request.messages[1].text().ends_with(r#"{"type":"object"}"#), "{:?}", request.messages);
        let (request, losses) = passed(object, &plain(Dialect::Gemini));
        assert!(request.format.is_some() && losses.is_empty());
    }
}
