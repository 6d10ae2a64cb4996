//! What a codec does not model: carried verbatim, tagged with the dialect it came from, said again only there.

use super::{Loss, LossReason, RawJson};
use crate::dialect::Dialect;
use indexmap::IndexMap;
use std::fmt;
use std::sync::Arc;

/// Unmodelled members of one object, in their order. Empty for most objects, and then no more than a null pointer:
/// every message and every part of it has some. Those of thousands of messages that have the same are one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extras(Option<Arc<Kept>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Kept {
    origin: Dialect,
    fields: Vec<(String, RawJson)>,
}

impl Extras {
    pub fn new(origin: Dialect, fields: Vec<(String, RawJson)>) -> Self {
        Self((!fields.is_empty()).then(|| Arc::new(Kept { origin, fields })))
    }

    /// The members, if they may be said in this dialect.
    pub fn for_dialect(&self, dialect: Dialect) -> impl Iterator<Item = (&str, &RawJson)> {
        let home = self.0.iter().filter(move |kept| kept.origin == dialect);
        home.flat_map(|kept| &kept.fields).map(|(key, value)| (key.as_str(), value))
    }

    /// Where they came from, if there are any.
    pub fn origin(&self) -> Option<Dialect> {
        self.0.as_ref().map(|kept| kept.origin)
    }

    /// One member, if it may be said in this dialect.
    pub fn get(&self, dialect: Dialect, key: &str) -> Option<&RawJson> {
        let kept = self.0.as_ref().filter(|kept| kept.origin == dialect)?;
        kept.fields.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// The same and one member more, if there is one.
    pub fn with(self, origin: Dialect, key: &str, value: Option<RawJson>) -> Self {
        let Some(value) = value else { return self };
        let mut fields = self.0.map(|kept| Arc::unwrap_or_clone(kept).fields).unwrap_or_default();
        fields.retain(|(known, _)| known != key);
        fields.push((key.to_owned(), value));
        Self::new(origin, fields)
    }

    /// Takes a member out, whatever the origin.
    pub fn take(&mut self, key: &str) -> Option<RawJson> {
        let at = self.0.as_ref()?.fields.iter().position(|(known, _)| known == key)?;
        let kept = Arc::make_mut(self.0.as_mut()?);
        let (_, taken) = kept.fields.remove(at);
        if kept.fields.is_empty() {
            self.0 = None;
        }
        Some(taken)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Reports every member of an object inside of a request that `target` will not see. `path` is the object's.
    pub fn lose(&self, target: Dialect, path: impl fmt::Display, losses: &mut Losses) {
        for (key, _) in self.unsaid(target, Place::Inside) {
            losses.add(format!("{path}.{key}"), LossReason::Unsupported);
        }
    }

    /// The same of the request itself.
    pub fn lose_fields(&self, target: Dialect, losses: &mut Losses) {
        for (key, value) in self.unsaid(target, Place::Top) {
            match READ_IN_PART.contains(&key.as_str()) {
                true => {
                    members(value).iter().for_each(|m| losses.add(join(key, m), LossReason::Unsupported));
                }
                false => losses.add(key, LossReason::Unsupported),
            }
        }
    }

    fn unsaid(&self, target: Dialect, place: Place) -> impl Iterator<Item = &(String, RawJson)> {
        let kept = self.0.iter().filter(move |kept| kept.origin != target);
        let fields = kept.flat_map(|kept| kept.fields.iter().map(move |field| (kept, field)));
        fields
            .filter(move |(kept, (key, value))| !kept.says_nothing(place, key, value.as_str()))
            .map(|(_, f)| f)
    }
}

/// Which object has the members.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Top,
    Inside,
}

/// The names in an object that say anything.
fn members(value: &RawJson) -> Vec<String> {
    let all: IndexMap<String, RawJson> = value.read().unwrap_or_default();
    let said = all.into_iter().filter(|(_, value)| value.as_str() != "null");
    said.map(|(name, _)| name).collect()
}

impl Kept {
    /// What clients send by habit and what means the same when it is left out: no loss to anybody.
    fn says_nothing(&self, place: Place, key: &str, value: &str) -> bool {
        let inside = place == Place::Inside;
        let bookkeeping = self.origin == Dialect::OpenAiResponses && inside;
        match (key, value) {
            (_, "null" | "[]" | "{}") | ("store", "false") | ("detail", "\"auto\"") => true,
            // Kinds, names and states of items in OpenAI's own store: calls and results are paired by another id, and
            // a tool in a namespace is known by both names.
            ("id" | "status" | "namespace", _) | ("type", "\"message\"") => bookkeeping,
            // The sources of an earlier answer: for people, no model reads them.
            ("annotations" | "citations", list) => inside && list.starts_with('['),
            _ => false,
        }
    }
}

/// Reasoning or a tool call signed or encrypted by its maker: to be handed back to that maker unread, never to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Continuation {
    pub origin: Dialect,
    pub kind: ContinuationKind,
    pub data: String,
}

/// How the maker spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContinuationKind {
    /// A signature over the visible text (Anthropic's `signature`, Gemini's `thoughtSignature`).
    Signature,
    /// The reasoning itself, unreadable (`redacted_thinking`, `encrypted_content`).
    Encrypted,
}

/// Top-level objects of which codecs take what they know: each member that is left is a loss of its own.
const READ_IN_PART: [&str; 4] = ["generationConfig", "options", "output_config", "text"];

/// More losses than this are not told one by one.
const MANY: usize = 100;
/// Characters of a name that clients and providers chose: with [`MANY`] of them, losses fit a frame's header.
const LONG: usize = 100;

/// Collects losses, each kind of field once: thirty messages with the same unsayable member are one loss.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses(Vec<Loss>);

impl Losses {
    pub fn add(&mut self, field: impl Into<String>, reason: LossReason) {
        let mut field = field.into();
        if let Some((at, _)) = field.char_indices().nth(LONG) {
            field.truncate(at);
        }
        let known = |loss: &Loss| loss.reason == reason && shape(&loss.field).eq(shape(&field));
        if self.0.len() < MANY && !self.0.iter().any(known) {
            self.0.push(Loss { field, reason });
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn into_vec(self) -> Vec<Loss> {
        self.0
    }
}

/// A path without its list positions.
fn shape(path: &str) -> impl Iterator<Item = char> + '_ {
    path.chars().filter(|c| !c.is_ascii_digit())
}

/// `a` and `b` as a path.
pub fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_said_is_lost() {
        let json = |v: &str| serde_json::from_str::<RawJson>(v).unwrap();
        let fields =
            [("store", "false"), ("a", "null"), ("id", "\"fc_1\""), ("detail", "\"high\""), ("b", "[]")];
        let fields = fields.map(|(k, v)| (k.to_owned(), json(v))).into_iter().collect();
        let extras = Extras::new(Dialect::OpenAiResponses, fields);
        let lost = |lose: &dyn Fn(&mut Losses)| {
            let mut losses = Losses::default();
            lose(&mut losses);
            losses.into_vec().into_iter().map(|l| l.field).collect::<Vec<_>>()
        };
        let inside = lost(&|losses| extras.lose(Dialect::Anthropic, "input[0]", losses));
        assert_eq!(inside, ["input[0].detail"]);
        assert_eq!(lost(&|losses| extras.lose_fields(Dialect::Anthropic, losses)), ["id", "detail"]);
        assert!(lost(&|losses| extras.lose_fields(Dialect::OpenAiResponses, losses)).is_empty());
    }
}
