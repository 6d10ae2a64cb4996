//! Where the second half of an answer meets the first: events of the provider that goes on become events of the one
//! answer that its client is reading. Pure.
//!
//! Owns: no word twice at the seam (a model that begins again with what was said, or with the blank the first half
//! ended in), no thinking in the middle of a text, one sum of what both halves cost. Never: decides who goes on.

use crate::model::{Delta, Event, PartHead, PartKey, Usage};

/// A repetition at the seam shorter than this is chance.
const CHANCE: usize = 20;

/// See the module.
pub struct Seam {
    /// What the client has.
    said: String,
    /// The blanks at its end, which the second half was not shown.
    blanks: String,
    before: Usage,
    joint: Joint,
    /// Parts of the second half that nobody sees.
    hidden: Vec<PartKey>,
    next: PartKey,
}

enum Joint {
    /// Text of the second half that may still repeat the first.
    Open(String),
    /// The second half goes on in the client's open text.
    Joined,
    /// The text was closed; other parts follow.
    Closed,
}

impl Seam {
    /// Behind `said`; the first half consumed `before`.
    pub fn new(said: &str, before: Usage) -> Self {
        let blanks = said[said.trim_end().len()..].to_owned();
        Self {
            said: said.to_owned(),
            blanks,
            before,
            joint: Joint::Open(String::new()),
            hidden: Vec::new(),
            next: 1,
        }
    }

    /// What both halves consumed.
    pub fn sum(&self, second: Usage) -> Usage {
        self.before.plus(second)
    }

    /// Takes one sequenced event of the second half.
    pub fn event(&mut self, event: Event, out: &mut Vec<Event>) {
        match event {
            Event::Start(_) | Event::Usage(_) | Event::Complete | Event::End => {}
            Event::PartStart { key, head: PartHead::Reasoning } => self.hidden.push(key),
            Event::PartStart { head: PartHead::Text, .. } if self.is_open() => {}
            Event::PartStart { head, .. } => {
                self.close(out);
                out.push(Event::PartStart { key: self.next, head });
            }
            Event::Delta { key, .. } if self.hidden.contains(&key) => {}
            Event::Delta { delta: Delta::Text(text), .. } if self.is_open() => self.text(text, out),
            // They are those of pieces that may be cut here.
            Event::Delta { delta: Delta::Tokens(_) | Delta::Citation(_), .. } if self.is_open() => {}
            Event::Delta { delta, .. } => out.push(Event::Delta { key: self.next, delta }),
            Event::PartEnd { key } if self.hidden.contains(&key) => {}
            Event::PartEnd { .. } if self.is_open() => {}
            Event::PartEnd { .. } => {
                out.push(Event::PartEnd { key: self.next });
                self.next += 1;
            }
            Event::Finish { stop, usage } => {
                self.close(out);
                out.push(Event::Finish { stop, usage: self.sum(usage) });
            }
            Event::Fail(failure) => {
                self.release(out);
                out.push(Event::Fail(failure));
            }
        }
    }

    fn is_open(&self) -> bool {
        !matches!(self.joint, Joint::Closed)
    }

    fn text(&mut self, text: String, out: &mut Vec<Event>) {
        let Joint::Open(held) = &mut self.joint else {
            out.push(said(text));
            return;
        };
        held.push_str(&text);
        // As long as all of it has been said before, it may be the beginning of a repetition.
        if memchr::memmem::find(self.said.as_bytes(), held.as_bytes()).is_none() {
            self.release(out);
        }
    }

    /// What is held is news, but for what it repeats.
    fn release(&mut self, out: &mut Vec<Event>) {
        let Joint::Open(held) = &mut self.joint else { return };
        let held = std::mem::take(held);
        self.joint = Joint::Joined;
        let again = overlap(&self.said, &held);
        let all = again == self.said.len() && self.said.chars().count() >= CHANCE / 2;
        let news = if held[..again].chars().count() >= CHANCE || all {
            &held[again..]
        } else {
            let twice = held.bytes().zip(self.blanks.bytes()).take_while(|(a, b)| a == b).count();
            held.get(twice..).unwrap_or(&held)
        };
        if !news.is_empty() {
            out.push(said(news.to_owned()));
        }
    }

    fn close(&mut self, out: &mut Vec<Event>) {
        self.release(out);
        if self.is_open() {
            self.joint = Joint::Closed;
            out.push(Event::PartEnd { key: 0 });
        }
    }
}

fn said(text: String) -> Event {
    Event::Delta { key: 0, delta: Delta::Text(text) }
}

/// The length of the longest beginning of `next` that `said` ends with (Knuth, Morris and Pratt).
fn overlap(said: &str, next: &str) -> usize {
    let (said, next) = (said.as_bytes(), next.as_bytes());
    let mut borders = vec![0; next.len()];
    let mut length = 0;
    for at in 1..next.len() {
        while length > 0 && next[at] != next[length] {
            length = borders[length - 1];
        }
        length += usize::from(next[at] == next[length]);
        borders[at] = length;
    }
    let mut length = 0;
    for byte in &said[said.len().saturating_sub(next.len())..] {
        if length == next.len() {
            length = borders[length - 1];
        }
        while length > 0 && *byte != next[length] {
            length = borders[length - 1];
        }
        length += usize::from(next.first().is_some_and(|_| *byte == next[length]));
    }
    length
}

#[cfg(test)]
mod tests;
