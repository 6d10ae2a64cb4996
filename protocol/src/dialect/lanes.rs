//! Parts for dialects whose streams do not number them: an unbroken run of text, reasoning or refusal is one part.

use crate::model::{Citation, Delta, Event, Media, PartHead, PartKey, Token};

/// What an unbroken run of pieces belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    Reasoning,
    Text,
    Refusal,
}

#[derive(Debug, Default)]
pub(crate) struct Lanes {
    next: PartKey,
    open: Option<(Lane, PartKey)>,
    /// The text that was open last.
    text: Option<PartKey>,
}

impl Lanes {
    /// Says a piece. Empty ones say nothing; one of another lane opens another part.
    pub(crate) fn piece(&mut self, lane: Lane, text: String, out: &mut Vec<Event>) {
        if text.is_empty() {
            return;
        }
        let key = self.enter(lane, out);
        out.push(Event::Delta { key, delta: Delta::Text(text) });
    }

    /// Says the tokens of the piece of text that comes next.
    pub(crate) fn tokens(&mut self, tokens: Vec<Token>, out: &mut Vec<Event>) {
        if !tokens.is_empty() {
            let key = self.enter(Lane::Text, out);
            out.push(Event::Delta { key, delta: Delta::Tokens(tokens) });
        }
    }

    /// Says where the text of before comes from; without a text it says nothing.
    pub(crate) fn cite(&mut self, citation: Citation, out: &mut Vec<Event>) {
        out.extend(self.text.map(|key| Event::Delta { key, delta: Delta::Citation(citation) }));
    }

    /// Says an image or a sound.
    pub(crate) fn media(&mut self, media: Media, out: &mut Vec<Event>) {
        let key = self.take_key();
        self.interrupt();
        out.extend([Event::PartStart { key, head: PartHead::Media(media) }, Event::PartEnd { key }]);
    }

    /// The part of this lane, opened if another one is open.
    pub(crate) fn enter(&mut self, lane: Lane, out: &mut Vec<Event>) -> PartKey {
        match self.open {
            Some((open, key)) if open == lane => key,
            _ => {
                let key = self.take_key();
                let head = match lane {
                    Lane::Reasoning => PartHead::Reasoning,
                    Lane::Text => PartHead::Text,
                    Lane::Refusal => PartHead::Refusal,
                };
                self.open = Some((lane, key));
                if lane == Lane::Text {
                    self.text = Some(key);
                }
                out.push(Event::PartStart { key, head });
                key
            }
        }
    }

    /// Says a whole tool call.
    pub(crate) fn call(
        &mut self,
        id: String,
        name: String,
        arguments: &str,
        out: &mut Vec<Event>,
    ) -> PartKey {
        let key = self.take_key();
        self.interrupt();
        out.push(Event::PartStart { key, head: PartHead::ToolCall { id, name } });
        if !arguments.is_empty() {
            out.push(Event::Delta { key, delta: Delta::Arguments(arguments.to_owned()) });
        }
        key
    }

    /// A key for a part that is not a lane's.
    pub(crate) fn take_key(&mut self) -> PartKey {
        self.next += 1;
        self.next - 1
    }

    /// Something else comes between: the next piece opens a new part.
    pub(crate) fn interrupt(&mut self) {
        self.open = None;
    }
}
