//! An answer's text in the pieces it is streamed in. Pieces are made when they are asked for: a text of a million
//! of them costs nothing until it is said.
//!
//! Owns: how text is cut, and that the pieces together are the text. Never: what it says.

use std::borrow::Cow;

/// A text and its pieces; none of them is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    opening: Vec<String>,
    filler: Filler,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filler {
    None,
    /// That many words.
    Words(u64),
    /// That many bytes in that many pieces.
    Bytes {
        total: u64,
        pieces: u64,
    },
}

/// What may happen to a text that has fewer natural pieces than were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Growth {
    /// Words follow it.
    Words,
    /// It is cut finer, down to its characters.
    None,
}

/// After a text, and instead of one; each with its space. ASCII, so that it can be cut anywhere.
const WORDS: [&str; 12] =
    [" and", " so", " the", " demo", " goes", " on,", " word", " after", " word,", " until", " it", " ends."];
const SENTENCE: &str =
    "The demo provider says this over and over, until it has said as much as you asked for. ";

/// Natural pieces are words, cut where they are longer than this many characters.
const PIECE_CHARS: usize = 12;
/// Filler pieces when nobody says how many there are.
const PIECE_BYTES: u64 = 1024;

impl Text {
    /// `text` in `pieces` pieces, or in its natural ones.
    pub(crate) fn said(text: &str, pieces: Option<u64>, growth: Growth) -> Self {
        let natural = natural(text);
        let have = natural.len() as u64;
        let (opening, filler) = match (pieces, growth) {
            (None, _) => (natural, Filler::None),
            (Some(wanted), _) if wanted <= have => (group(&natural, wanted as usize), Filler::None),
            (Some(wanted), Growth::Words) => (natural, Filler::Words(wanted - have)),
            (Some(wanted), Growth::None) => (finer(text, wanted), Filler::None),
        };
        Self { opening, filler }
    }

    /// Exactly `total` bytes.
    pub(crate) fn sized(total: u64, pieces: Option<u64>) -> Self {
        let pieces = pieces.unwrap_or(total.div_ceil(PIECE_BYTES)).min(total);
        Self { opening: Vec::new(), filler: Filler::Bytes { total, pieces } }
    }

    /// How many pieces there are.
    pub(crate) fn count(&self) -> u64 {
        let filler = match self.filler {
            Filler::None => 0,
            Filler::Words(words) => words,
            Filler::Bytes { pieces, .. } => pieces,
        };
        self.opening.len() as u64 + filler
    }

    /// Piece number `at`; empty beyond the last.
    pub(crate) fn piece(&self, at: u64) -> Cow<'_, str> {
        let said = self.opening.len() as u64;
        if at < said {
            return Cow::Borrowed(&self.opening[at as usize]);
        }
        let at = at - said;
        match self.filler {
            Filler::Words(words) if at < words => Cow::Borrowed(WORDS[(at % WORDS.len() as u64) as usize]),
            Filler::Bytes { total, pieces } if at < pieces => {
                let [from, to] = [at, at + 1].map(|n| u128::from(n) * u128::from(total) / u128::from(pieces));
                Cow::Owned(sentence(from as u64, to as u64))
            }
            Filler::None | Filler::Words(_) | Filler::Bytes { .. } => Cow::Borrowed(""),
        }
    }

    /// Its size in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        let opening: u64 = self.opening.iter().map(|piece| piece.len() as u64).sum();
        let round: usize = WORDS.iter().map(|word| word.len()).sum();
        let filler = match self.filler {
            Filler::None => 0,
            Filler::Words(words) => {
                let (rounds, rest) = (words / WORDS.len() as u64, (words % WORDS.len() as u64) as usize);
                rounds * round as u64 + WORDS[..rest].iter().map(|word| word.len() as u64).sum::<u64>()
            }
            Filler::Bytes { total, .. } => total,
        };
        opening + filler
    }

    /// All of it.
    pub(crate) fn whole(&self) -> String {
        (0..self.count()).fold(String::with_capacity(self.bytes() as usize), |mut all, at| {
            all.push_str(&self.piece(at));
            all
        })
    }
}

/// Words with the space after them; long ones (and scripts without spaces) are cut.
fn natural(text: &str) -> Vec<String> {
    text.split_inclusive([' ', '\n']).flat_map(|word| every(word, PIECE_CHARS)).collect()
}

/// At most `wanted` pieces of equal length in characters.
fn finer(text: &str, wanted: u64) -> Vec<String> {
    let chars: Vec<String> = text.chars().map(String::from).collect();
    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX).min(chars.len());
    group(&chars, wanted)
}

fn group(pieces: &[String], wanted: usize) -> Vec<String> {
    (0..wanted)
        .map(|at| pieces[at * pieces.len() / wanted..(at + 1) * pieces.len() / wanted].concat())
        .collect()
}

/// Pieces of `size` characters.
fn every(text: &str, size: usize) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    chars.chunks(size).map(|chunk| chunk.iter().collect()).collect()
}

/// Bytes `from..to` of the sentence said without end.
fn sentence(from: u64, to: u64) -> String {
    let mut out = String::with_capacity((to - from) as usize);
    let mut at = (from % SENTENCE.len() as u64) as usize;
    let mut left = (to - from) as usize;
    while left > 0 {
        let take = left.min(SENTENCE.len() - at);
        out.push_str(&SENTENCE[at..at + take]);
        left -= take;
        at = 0;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn natural_pieces_are_words_also_without_spaces() {
        let text = Text::said("hello there 你好，这是一个没有空格的长句子", None, Growth::Words);
        assert_eq!(text.piece(0), "hello ");
        assert_eq!(text.piece(2), "你好，这是一个没有空格的");
        assert_eq!(text.whole(), "hello there 你好，这是一个没有空格的长句子");
    }

    #[test]
    fn a_million_pieces_are_not_made_before_they_are_said() {
        let text = Text::said("hello", Some(1_000_000), Growth::Words);
        assert_eq!((text.count(), text.opening.len()), (1_000_000, 1));
        assert_eq!(text.piece(999_999), WORDS[(999_998 % WORDS.len() as u64) as usize]);
        assert_eq!(text.piece(1_000_000), "");
    }

    proptest! {
        #[test]
        fn any_number_of_pieces_is_met_and_keeps_the_text(text in "\\PC{0,60}", wanted in 1_u64..200) {
            let grown = Text::said(&text, Some(wanted), Growth::Words);
            prop_assert_eq!(grown.count(), wanted);
            prop_assert!(grown.whole().starts_with(&text));
            let exact = Text::said(&text, Some(wanted), Growth::None);
            prop_assert_eq!(exact.count(), wanted.min(text.chars().count() as u64));
            prop_assert_eq!(exact.whole(), text);
            for text in [grown, exact] {
                prop_assert_eq!(text.bytes(), text.whole().len() as u64);
                prop_assert!((0..text.count()).all(|at| !text.piece(at).is_empty()));
            }
        }

        #[test]
        fn a_size_is_met_exactly(total in 0_u64..5_000, pieces in proptest::option::of(1_u64..5_000)) {
            let text = Text::sized(total, pieces);
            prop_assert_eq!((text.whole().len() as u64, text.bytes()), (total, total));
            prop_assert_eq!(text.count(), pieces.unwrap_or(total.div_ceil(1024)).min(total));
            prop_assert!((0..text.count()).all(|at| !text.piece(at).is_empty()));
            prop_assert!(text.whole().starts_with(&SENTENCE[..SENTENCE.len().min(total as usize)]));
        }
    }
}
