//! Where an answer's text comes from, as Gemini says it: a list of sources, and for stretches of the text the numbers
//! of those that support them. Its places are bytes, everybody else's are characters.

use crate::dialect::lenient::{Count, List, Loose, Text};
use crate::dialect::write::Object;
use crate::model::{CITATIONS_LIMIT, Citation};
use serde::Deserialize;

/// Text up to this size is kept to count its characters; sources of longer ones stand for all of it.
const KEPT: usize = 1024 * 1024;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Grounding {
    grounding_chunks: List<Chunk>,
    grounding_supports: List<Support>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Chunk {
    web: Loose<Source>,
    maps: Loose<Source>,
    retrieved_context: Loose<Source>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Source {
    uri: Text,
    title: Text,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Support {
    segment: Loose<Segment>,
    grounding_chunk_indices: List<usize>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Segment {
    start_index: Count,
    end_index: Count,
}

impl Grounding {
    pub(super) fn is_empty(&self) -> bool {
        self.grounding_chunks.0.is_empty()
    }

    /// The sources, stretch by stretch; those that support none stand for all of the text.
    pub(super) fn citations(self, text: &Said) -> Vec<Citation> {
        let sources: Vec<Option<Citation>> =
            self.grounding_chunks.0.into_iter().take(CITATIONS_LIMIT).map(Chunk::citation).collect();
        let mut out = Vec::new();
        for support in self.grounding_supports.0.into_iter().take(CITATIONS_LIMIT) {
            let segment = support.segment.0.unwrap_or_default();
            let start = text.chars(segment.start_index.0.unwrap_or(0));
            let end = segment.end_index.0.and_then(|end| text.chars(end));
            for index in support.grounding_chunk_indices.0.into_iter().take(CITATIONS_LIMIT - out.len()) {
                out.extend(sources.get(index).cloned().flatten().map(|found| found.at(start, end)));
            }
        }
        let named = |url: &str| out.iter().any(|found: &Citation| found.url == url);
        let rest: Vec<Citation> =
            sources.iter().flatten().filter(|source| !named(&source.url)).cloned().collect();
        out.extend(rest);
        out
    }
}

impl Chunk {
    fn citation(self) -> Option<Citation> {
        let source = self.web.0.or(self.maps.0).or(self.retrieved_context.0)?;
        Citation::new(source.uri.0, source.title.0)
    }
}

/// The text so far, as far as it is kept.
#[derive(Debug, Default)]
pub(super) struct Said {
    text: String,
    count: u64,
    over: bool,
}

impl Said {
    pub(super) fn push(&mut self, more: &str) {
        self.over |= self.text.len() + more.len() > KEPT;
        if !self.over {
            self.text.push_str(more);
            self.count += more.chars().count() as u64;
        }
    }

    /// Characters before a byte.
    fn chars(&self, byte: u64) -> Option<u64> {
        let before = self.text.get(..usize::try_from(byte).ok()?).filter(|_| !self.over)?;
        Some(before.chars().count() as u64)
    }

    fn bytes(&self, chars: u64) -> usize {
        let at = self.text.char_indices().nth(usize::try_from(chars).unwrap_or(usize::MAX));
        at.map_or(self.text.len(), |(at, _)| at)
    }
}

/// Sources gathered for the end of an answer.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    said: Said,
    /// Where the open part begins, in characters.
    begin: u64,
    sources: Vec<Citation>,
    /// The number of the source, the stretch in bytes, its words.
    supports: Vec<(usize, (usize, usize), String)>,
}

impl Gathered {
    pub(super) fn text(&mut self, text: &str) {
        self.said.push(text);
    }

    /// A text is over; these are its sources.
    pub(super) fn part_end<'a>(&mut self, citations: impl Iterator<Item = &'a Citation>) {
        let mut citations = citations.peekable();
        if citations.peek().is_none() {
            return;
        }
        let begin = self.begin.min(self.said.count);
        let own = self.said.count - begin;
        for citation in citations {
            let known = self.sources.iter().position(|known| known.url == citation.url);
            let index = known.unwrap_or_else(|| {
                self.sources.push(citation.clone());
                self.sources.len() - 1
            });
            let (start, end) = citation.within(own);
            let (start, end) = (self.said.bytes(begin + start), self.said.bytes(begin + end));
            let words = self.said.text.get(start..end).unwrap_or_default().to_owned();
            if !self.said.over {
                self.supports.push((index, (start, end), words));
            }
        }
    }

    /// A text begins.
    pub(super) fn part_start(&mut self) {
        self.begin = self.said.count;
    }

    pub(super) fn write(&self, o: &mut Object<'_>) {
        if self.sources.is_empty() {
            return;
        }
        o.object("groundingMetadata", |o| {
            o.list("groundingChunks", |list| {
                for source in &self.sources {
                    list.object(|o| {
                        o.object("web", |o| {
                            o.put("uri", &source.url);
                            o.maybe("title", &source.title);
                        });
                    });
                }
            });
            o.list("groundingSupports", |list| {
                for (index, (start, end), words) in &self.supports {
                    list.object(|o| {
                        o.object("segment", |o| {
                            o.put("startIndex", start);
                            o.put("endIndex", end);
                            o.put("text", words);
                        });
                        o.put("groundingChunkIndices", &[index]);
                    });
                }
            });
        });
    }
}
