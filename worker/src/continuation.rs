//! The second half of an answer that another provider began: the client's request with the beginning of the answer
//! as an assistant's turn to go on with, and a translator that goes on where the first half stopped.
//!
//! Owns: which requests may be gone on with. Never: decides that one is; the router does.

use crate::translate::{self, Asked, Pair};
use protocol::dialect::openai_chat::quirks::Prefill;
use protocol::dialect::tokens::{estimate, estimate_text};
use protocol::dialect::{Dialect, Operation, Quirks, ReplyStyle, RequestHead, Resumed, UsageInStream};
use protocol::ipc::call::CallHead;
use protocol::ipc::configure::{Endpoint, ModelFacts};
use protocol::ipc::continues::Continues;
use protocol::model::{
    ChatRequest, Extras, Failure, FailureKind, LossReason, Losses, Message, Part, ReasoningAsk,
    ReasoningMode, Retry, Role, Shape, Usage,
};

/// What a translator needs to go on with an answer.
pub(crate) struct Half {
    pub(crate) resumed: Resumed,
    pub(crate) by: String,
    /// Consumed by the first half.
    pub(crate) before: Usage,
}

/// Says in the endpoint's dialect that an answer shall be gone on with. The body ends with what was sent of it.
///
/// # Errors
/// [`FailureKind::Unsupported`], never to be tried elsewhere, when it is no plain prose.
pub(crate) fn request(
    head: &CallHead,
    body: &[u8],
    continues: Continues,
    pair: &Pair<'_>,
) -> Result<Asked, Failure> {
    let sent = usize::try_from(continues.sent).ok().and_then(|sent| body.len().checked_sub(sent));
    let (body, sent) =
        sent.and_then(|at| body.split_at_checked(at)).ok_or_else(|| refuse("its length is wrong"))?;
    if head.operation != Operation::Chat || !head.stream {
        return Err(refuse("only streams of conversations can be continued"));
    }
    let asked = RequestHead { operation: head.operation, model: &head.model, stream: true };
    let mut request = head.dialect.decode_request(body, &asked)?;
    is_prose(&request)?;
    let shown = if head.wants_usage { UsageInStream::Shown } else { UsageInStream::Hidden };
    let style = ReplyStyle::of(&request, head.operation, shown);
    let resumed = head.dialect.resume(sent, &translate::stamp(head, pair), &style).map_err(never)?;
    let before = consumed(continues.before, &request, &resumed.text);
    let mut losses = Losses::default();
    go_on(&mut request, &resumed.text, pair.facts, &mut losses);
    translate::talk(head, request, losses, pair, Some(Half { resumed, by: continues.by, before }))
}

/// Where an answer is gone on with: the endpoint whose way of it is known, else where any conversation goes.
pub(crate) fn endpoint<'a>(
    usual: Option<&'a Endpoint>,
    endpoints: &'a [Endpoint],
    quirks: &Quirks,
) -> Option<&'a Endpoint> {
    let known = endpoints
        .iter()
        .find(|e| e.dialect == Dialect::OpenAiChat && quirks.openai_chat.prefill != Prefill::Plain);
    known.or(usual)
}

/// What was asked for is one answer in plain words.
fn is_prose(request: &ChatRequest) -> Result<(), Failure> {
    if request.format.is_some() {
        return Err(refuse("a form was asked for"));
    }
    if request.answers() > 1 {
        return Err(refuse("several answers were asked for"));
    }
    Ok(())
}

/// The turn to go on with. Nobody takes one that ends in a blank, or thinks before it goes on: a model that may think
/// unasked is told not to.
fn go_on(request: &mut ChatRequest, text: &str, facts: &ModelFacts, losses: &mut Losses) {
    if request.reasoning.take().is_some() {
        losses.add("reasoning", LossReason::Adjusted);
    }
    if facts.reasoning == Some(true) {
        request.reasoning = Some(ReasoningAsk {
            mode: ReasoningMode::Off,
            effort: None,
            budget: None,
            show: None,
            extras: Extras::default(),
        });
    }
    if let Some(limit) = &mut request.output_limit {
        limit.tokens = limit.tokens.saturating_sub(estimate_text(text)).max(1);
    }
    let turn = Message::new(Role::Assistant, vec![Part::text(text.trim_end())]);
    request.messages.push(Message { shape: Shape::Text, ..turn });
}

/// What the first half consumed at least: providers count output at the end only, which never came.
fn consumed(reported: Usage, request: &ChatRequest, text: &str) -> Usage {
    let said = estimate_text(text);
    let mut usage = reported;
    usage.output = Some(reported.output.unwrap_or(0).max(said));
    if reported.input_total().is_none() {
        usage.input_fresh = Some(estimate(request));
    }
    usage
}

fn refuse(why: &str) -> Failure {
    never(Failure::new(FailureKind::Unsupported, format!("this answer cannot be continued: {why}")))
}

fn never(failure: Failure) -> Failure {
    Failure { retry: Retry::Never, ..failure }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Transport;
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn head(body_len: usize) -> CallHead {
        CallHead {
            call_id: "c".into(),
            attempt: 2,
            dialect: Dialect::OpenAiChat,
            operation: Operation::Chat,
            method: "POST".into(),
            path: String::new(),
            headers: vec![],
            model: "m2".into(),
            model_span: None,
            stream: true,
            wants_usage: true,
            usage_edit: None,
            strict: false,
            body_len: body_len as u64,
            deadline_ms: None,
        }
    }

    fn sent(text: &str) -> String {
        let chunk = json!({"id": "chatcmpl-1", "created": 1, "model": "m1", "choices": [
            {"index": 0, "delta": {"content": text}, "finish_reason": null}]});
        format!("data: {chunk}\n\n")
    }

    fn asked(request: Value, sent: &str, target: Dialect) -> Result<Value, Failure> {
        let body = format!("{request}{sent}");
        let continues = Continues { sent: sent.len() as u64, by: "b/m2".into(), before: Usage::default() };
        let quirks = Arc::new(Quirks::default());
        let facts = ModelFacts::default();
        let pair = Pair { target, upstream: Transport::Stream, quirks: &quirks, facts: &facts, now: 1 };
        let asked = super::request(&head(body.len()), body.as_bytes(), continues, &pair)?;
        Ok(serde_json::from_slice(&asked.body).unwrap())
    }

    fn hello() -> Value {
        json!({"model": "m1", "stream": true, "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]})
    }

    #[test]
    fn the_turn_ends_with_what_was_said() {
        let body = asked(hello(), &sent("Hello wor \n"), Dialect::Anthropic).unwrap();
        assert_eq!(body["messages"][1]["role"], "assistant");
        let said = body["messages"][1]["content"].to_string();
        assert!(said.contains("Hello wor\""), "{said}");
        assert_eq!((&body["model"], &body["max_tokens"]), (&json!("m2"), &json!(97)));
        let body = asked(hello(), &sent("Hello"), Dialect::OpenAiChat).unwrap();
        assert_eq!(body["messages"][1], json!({"role": "assistant", "content": "Hello"}));
    }

    #[test]
    fn what_is_no_prose_is_refused_for_good() {
        let mut form = hello();
        form["response_format"] = json!({"type": "json_object"});
        let mut many = hello();
        many["n"] = json!(2);
        let tool = r#"data: {"id":"1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":"{"}}]}}]}"#;
        let tool = format!("{tool}\n\n");
        let cases = [(form, sent("{\"a\":")), (many, sent("Hi")), (hello(), tool), (hello(), String::new())];
        for (request, sent) in cases {
            let failure = asked(request, &sent, Dialect::OpenAiChat).unwrap_err();
            assert_eq!(
                (failure.kind, failure.retry),
                (FailureKind::Unsupported, Retry::Never),
                "{failure:?}"
            );
        }
    }

    #[test]
    fn the_first_half_is_counted_at_least_as_said() {
        let request = ChatRequest::default();
        let reported = Usage { input_fresh: Some(40), output: Some(1), ..Usage::default() };
        let usage = consumed(reported, &request, "four words of text");
        assert_eq!((usage.input_fresh, usage.output), (Some(40), Some(5)));
        assert_eq!(consumed(Usage::default(), &request, "").input_fresh, Some(0));
    }
}
