//! A call that takes up an answer which broke off elsewhere: what is said of it among the headers of its
//! [`CallHead`], whose shape stays as it is. The bytes that the client already has follow the request in the body.
//!
//! The header never comes from a client and never goes to an upstream.

use super::call::CallHead;
use crate::model::Usage;
use serde::{Deserialize, Serialize};

/// Not among the headers that travel from clients.
const NAME: &str = "x-llm-link-continues";

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Continues {
    /// How many bytes at the end of the body are what the client has of the answer, in its dialect.
    pub sent: u64,
    /// `provider/model`, for the mark.
    pub by: String,
    /// What the attempt before reported as consumed.
    pub before: Usage,
}

impl Continues {
    /// Says so in a head.
    pub fn put(&self, head: &mut CallHead) {
        // A struct of numbers and a string cannot fail.
        let value = serde_json::to_string(self).unwrap_or_default();
        head.headers.push((NAME.to_owned(), value));
    }

    /// Takes it out of a head, if it is there.
    pub fn take(head: &mut CallHead) -> Option<Self> {
        let at = head.headers.iter().position(|(name, _)| name == NAME)?;
        let (_, value) = head.headers.swap_remove(at);
        serde_json::from_str(&value).ok()
    }

    /// A head says it.
    pub fn is_said(head: &CallHead) -> bool {
        head.headers.iter().any(|(name, _)| name == NAME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::{Dialect, Operation};

    #[test]
    fn it_travels_among_the_headers_and_leaves_none() {
        let mut head = CallHead {
            call_id: "c".into(),
            attempt: 2,
            dialect: Dialect::Ollama,
            operation: Operation::Chat,
            method: "POST".into(),
            path: String::new(),
            headers: vec![("accept".into(), "*/*".into())],
            model: "m".into(),
            model_span: None,
            stream: true,
            wants_usage: false,
            usage_edit: None,
            strict: false,
            body_len: 9,
            deadline_ms: None,
        };
        assert_eq!(Continues::take(&mut head), None);
        let usage = Usage { output: Some(3), ..Usage::default() };
        let continues = Continues { sent: 7, by: "b/模型".into(), before: usage };
        continues.put(&mut head);
        assert!(Continues::is_said(&head));
        assert_eq!(Continues::take(&mut head), Some(continues));
        assert_eq!(head.headers, [("accept".to_owned(), "*/*".to_owned())]);
    }
}
