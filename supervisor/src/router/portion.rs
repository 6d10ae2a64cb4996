//! What was delivered of an answer, and about how many tokens that is when nobody says what it took. The router does
//! not read what it relays: it sees bytes, and where events end. Pure.
//!
//! Of a stream, all but the text is alike in each event, so the shortest event is taken for the frame of all; what is
//! longer is text. A token is about four bytes of text (of Chinese one character, which is three), and an event has
//! one at least. Of a document, a quarter of what is longer than an empty one.

use protocol::dialect::Dialect;

const BYTES_PER_TOKEN: u64 = 4;
/// About what a document of an answer has besides its text.
const EMPTY_DOCUMENT: u64 = 300;

/// See the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Portion {
    bytes: u64,
    events: u64,
    /// Bytes of the shortest event, as an average over events that came together.
    shortest: Option<u64>,
}

impl Portion {
    /// These bytes of a stream went to the client.
    pub(crate) fn events(&mut self, dialect: Dialect, bytes: &[u8]) {
        let lines = memchr::memchr_iter(b'\n', bytes).count() as u64;
        // An event of Anthropic's has a line for its name, one for its data, and an empty one; others have no name.
        let each = match dialect {
            Dialect::Ollama => 1,
            Dialect::Anthropic | Dialect::OpenAiResponses => 3,
            Dialect::OpenAiChat | Dialect::Gemini => 2,
        };
        let events = (lines / each).max(1);
        let length = bytes.len() as u64;
        let average = length / events;
        self.bytes += length;
        self.events += events;
        self.shortest = Some(self.shortest.map_or(average, |known| known.min(average)));
    }

    /// A document of this many bytes did.
    pub(crate) fn document(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// About how many tokens of output that was.
    pub(crate) fn tokens(&self) -> u64 {
        match self.shortest {
            Some(frame) => {
                let text = self.bytes.saturating_sub(frame * self.events);
                self.events.max(text.div_ceil(BYTES_PER_TOKEN))
            }
            None => self.bytes.saturating_sub(EMPTY_DOCUMENT).div_ceil(BYTES_PER_TOKEN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(text: &str) -> String {
        format!("data: {{\"id\":\"c\",\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
    }

    fn of(pieces: &[String]) -> u64 {
        let mut portion = Portion::default();
        pieces.iter().for_each(|piece| portion.events(Dialect::OpenAiChat, piece.as_bytes()));
        portion.tokens()
    }

    #[test]
    fn an_event_is_a_token_and_a_long_one_is_more() {
        let short: Vec<String> = ["a", " b", " c"].map(event).to_vec();
        assert_eq!(of(&short), 3);
        assert_eq!(of(&[short.concat()]), 3, "however they came");
        assert_eq!(of(&[event("a"), event(&"word ".repeat(80))]), 100);
        assert_eq!(
            of(&[event("a"), event(&"\u{4f60}".repeat(100))]),
            75,
            "Chinese, not much less than it is"
        );
        assert_eq!(of(&[]), 0);
    }

    #[test]
    fn a_document_is_its_text() {
        let mut portion = Portion::default();
        portion.document(EMPTY_DOCUMENT + 400);
        assert_eq!(portion.tokens(), 100);
    }
}
