//! Reasoning written into the text as `<think>...</think>` at its start; only read where a vendor is known to do it.
//! Every byte outside the tags keeps its place; a tag may be cut anywhere between two pieces.

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

#[derive(Debug, Default)]
pub(super) struct ThinkScanner {
    state: State,
    /// Bytes that may be the beginning of a tag.
    held: String,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    /// Nothing but white space so far.
    #[default]
    Start,
    Inside,
    Outside,
}

/// A piece of text and what it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Reasoning(String),
    Text(String),
}

impl ThinkScanner {
    pub(super) fn read(&mut self, text: &str, out: &mut Vec<Piece>) {
        if self.state == State::Outside {
            out.push(Piece::Text(text.to_owned()));
            return;
        }
        self.held.push_str(text);
        if self.state == State::Start {
            let begun = self.held.trim_start();
            if begun.len() < OPEN.len() && OPEN.starts_with(begun) {
                return;
            }
            match begun.strip_prefix(OPEN) {
                Some(rest) => (self.state, self.held) = (State::Inside, rest.to_owned()),
                None => self.state = State::Outside,
            }
        }
        match self.state {
            State::Inside => self.inside(out),
            State::Start | State::Outside => self.flush(out),
        }
    }

    /// At the end nothing is held back any more.
    pub(super) fn flush(&mut self, out: &mut Vec<Piece>) {
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            out.push(if self.state == State::Inside { Piece::Reasoning(held) } else { Piece::Text(held) });
        }
    }

    fn inside(&mut self, out: &mut Vec<Piece>) {
        if let Some((thought, rest)) = self.held.split_once(CLOSE) {
            let (thought, rest) = (thought.to_owned(), rest.to_owned());
            self.state = State::Outside;
            self.held.clear();
            out.push(Piece::Reasoning(thought));
            if !rest.is_empty() {
                out.push(Piece::Text(rest));
            }
            return;
        }
        let keep = (1..CLOSE.len()).rev().find(|n| self.held.ends_with(&CLOSE[..*n])).unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - keep);
        let thought = std::mem::replace(&mut self.held, rest);
        if !thought.is_empty() {
            out.push(Piece::Reasoning(thought));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(pieces: &[&str]) -> (String, String) {
        let mut scanner = ThinkScanner::default();
        let mut out = Vec::new();
        pieces.iter().for_each(|piece| scanner.read(piece, &mut out));
        scanner.flush(&mut out);
        let (mut thought, mut text) = (String::new(), String::new());
        for piece in out {
            match piece {
                Piece::Reasoning(more) => thought.push_str(&more),
                Piece::Text(more) => text.push_str(&more),
            }
        }
        (thought, text)
    }

    #[test]
    fn tags_may_be_cut_anywhere() {
        let text = "\n<think>a <b> </thin\n</think>\n\n  你好 <think>x";
        for i in (0..text.len()).filter(|i| text.is_char_boundary(*i)) {
            let (thought, rest) = scan(&[&text[..i], &text[i..]]);
            assert_eq!(
                (thought.as_str(), rest.as_str()),
                ("a <b> </thin\n", "\n\n  你好 <think>x"),
                "cut at {i}"
            );
        }
        assert_eq!(scan(&["  <thi"]), (String::new(), "  <thi".to_owned()));
        assert_eq!(scan(&["plain ", "</think>"]), (String::new(), "plain </think>".to_owned()));
        assert_eq!(scan(&["<think>", "open"]), ("open".to_owned(), String::new()));
    }
}
