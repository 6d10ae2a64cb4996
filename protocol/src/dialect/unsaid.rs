//! What of an answer its client's dialect has no word for: pictures, sounds, blocks of another dialect's own, sources.
//! Encoders leave it out; here it becomes a loss.
//!
//! Owns: which words each dialect has for what a model makes. Never: writes any.

use super::{Dialect, Operation, openai_chat, openai_responses};
use crate::model::{Delta, Event, Loss, LossReason, Losses, Media, MediaKind, MediaSource, PartHead};

/// Watches the sequenced events of an answer.
#[derive(Debug)]
pub struct Unsaid {
    to: Dialect,
    operation: Operation,
    losses: Losses,
}

impl Unsaid {
    /// For a client of that dialect.
    pub fn new(to: Dialect, operation: Operation) -> Self {
        Self { to, operation, losses: Losses::default() }
    }

    pub fn event(&mut self, event: &Event) {
        let what = match event {
            Event::PartStart { head: PartHead::Media(media), .. } if !self.says(media) => word(media.kind),
            Event::PartStart { head: PartHead::Opaque(opaque), .. } => opaque.kind.as_str(),
            Event::Delta { delta: Delta::Citation(_), .. } if self.to == Dialect::Ollama => "citations",
            _ => return,
        };
        self.losses.add(format!("answer.{what}"), LossReason::Unsupported);
    }

    /// What was left out so far, once.
    pub fn take(&mut self) -> Vec<Loss> {
        std::mem::take(&mut self.losses).into_vec()
    }

    fn says(&self, media: &Media) -> bool {
        let plain = self.operation == Operation::Complete;
        match self.to {
            Dialect::Anthropic | Dialect::Ollama => false,
            Dialect::OpenAiChat => !plain && openai_chat::says(media),
            Dialect::OpenAiResponses => openai_responses::says(media),
            Dialect::Gemini => matches!(media.source, MediaSource::Inline { .. } | MediaSource::Url(_)),
        }
    }
}

fn word(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image => "image",
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
        MediaKind::Document => "document",
    }
}
