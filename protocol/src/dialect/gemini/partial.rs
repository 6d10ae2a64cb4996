//! Arguments of a function call that arrive as pieces of values at JSON paths, put together.

use super::wire::PartialArg;
use serde_json::{Map, Value};

/// Values deeper or lists longer than this are not built: a path is the upstream's word.
const BOUND: usize = 1024;

/// A call in the making.
#[derive(Debug)]
pub(super) struct PartialCall {
    pub(super) id: Option<String>,
    pub(super) name: String,
    pub(super) signature: Option<String>,
    arguments: Value,
}

impl PartialCall {
    pub(super) fn new(id: Option<String>, name: String) -> Self {
        Self { id, name, signature: None, arguments: Value::Object(Map::new()) }
    }

    pub(super) fn add(&mut self, piece: &PartialArg<'_>) {
        let path = piece.json_path.0.as_deref().unwrap_or("$");
        let Some(slot) = slot(&mut self.arguments, path) else { return };
        match (&piece.string_value.0, piece.number_value, piece.bool_value.0, piece.null_value) {
            (Some(more), _, _, _) => match slot {
                Value::String(text) => text.push_str(more),
                other => *other = Value::String(more.clone()),
            },
            (_, Some(number), _, _) => *slot = serde_json::from_str(number.get()).unwrap_or_default(),
            (_, _, Some(flag), _) => *slot = Value::Bool(flag),
            (None, None, None, _) => {}
        }
    }

    pub(super) fn arguments(&self) -> String {
        self.arguments.to_string()
    }
}

/// The place that `$.a.b[0]` or `$['a']` names, made if need be.
fn slot<'a>(root: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    let mut at = root;
    for step in steps(path)? {
        at = match step {
            Step::Key(key) => {
                if !at.is_object() {
                    *at = Value::Object(Map::new());
                }
                at.as_object_mut()?.entry(key).or_insert(Value::Null)
            }
            Step::Index(index) => {
                if !at.is_array() {
                    *at = Value::Array(Vec::new());
                }
                let list = at.as_array_mut()?;
                if list.len() <= index {
                    list.resize(index + 1, Value::Null);
                }
                list.get_mut(index)?
            }
        };
    }
    Some(at)
}

enum Step {
    Key(String),
    Index(usize),
}

fn steps(path: &str) -> Option<Vec<Step>> {
    let mut rest = path.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if steps.len() >= 64 {
            return None;
        }
        if let Some(tail) = rest.strip_prefix('.') {
            let end = tail.find(['.', '[']).unwrap_or(tail.len());
            steps.push(Step::Key(tail[..end].to_owned()));
            rest = &tail[end..];
        } else {
            let (inner, tail) = rest.strip_prefix('[')?.split_once(']')?;
            let quoted = inner.trim_matches(['\'', '"']);
            steps.push(match inner.parse::<usize>() {
                Ok(index) if index < BOUND => Step::Index(index),
                Ok(_) => return None,
                Err(_) => Step::Key(quoted.to_owned()),
            });
            rest = tail;
        }
    }
    Some(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_become_an_object() {
        let mut call = PartialCall::new(None, "f".to_owned());
        for piece in [
            r#"{"jsonPath":"$.city","stringValue":"San "}"#,
            r#"{"jsonPath":"$.city","stringValue":"Francisco"}"#,
            r#"{"jsonPath":"$.days[1].n","numberValue":3}"#,
            r#"{"jsonPath":"$['ok']","boolValue":true}"#,
            r#"{"jsonPath":"$.days[99999999]","numberValue":3}"#,
        ] {
            call.add(&serde_json::from_str(piece).unwrap());
        }
        assert_eq!(call.arguments(), r#"{"city":"San Francisco","days":[null,{"n":3}],"ok":true}"#);
    }
}
