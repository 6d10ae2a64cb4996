//! One exhaustive `match` per function: the only place where all dialects stand together.

use super::codec::{
    DecodeError, DecodeEvents, EncodeEvents, Encoded, Namespaced, ReplyStyle, RequestHead, Stamp,
    UsageInStream, unsupported,
};
use super::{Dialect, Operation, anthropic, choices, gemini, ollama, openai_chat, openai_responses, turns};
use crate::model::{ChatRequest, ChatResponse, Event, Failure, Part, Sequencer, Tool, fold};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::slice::from_ref;

/// How one provider deviates, dialect by dialect.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quirks {
    pub openai_chat: openai_chat::Quirks,
    pub anthropic: anthropic::Quirks,
    pub gemini: gemini::Quirks,
}

/// A provider's quirks are not what a dialect knows.
#[derive(Debug, thiserror::Error)]
pub enum QuirksError {
    #[error("`{0}` is no dialect with quirks: use `openai-chat`, `anthropic` or `gemini`")]
    Dialect(String),
    #[error("quirks for {dialect}: {source}")]
    Value { dialect: &'static str, source: serde_json::Error },
}

impl Quirks {
    /// Reads configuration: a map from dialect names to objects.
    pub fn from_config(config: &BTreeMap<String, serde_json::Value>) -> Result<Self, QuirksError> {
        fn one<T: Default + for<'de> Deserialize<'de>>(
            config: &BTreeMap<String, serde_json::Value>,
            dialect: Dialect,
        ) -> Result<T, QuirksError> {
            let Some(value) = config.get(dialect.name()) else { return Ok(T::default()) };
            T::deserialize(value).map_err(|source| QuirksError::Value { dialect: dialect.name(), source })
        }
        let known = [Dialect::OpenAiChat, Dialect::Anthropic, Dialect::Gemini].map(Dialect::name);
        if let Some(other) = config.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(QuirksError::Dialect(other.clone()));
        }
        Ok(Self {
            openai_chat: one(config, Dialect::OpenAiChat)?,
            anthropic: one(config, Dialect::Anthropic)?,
            gemini: one(config, Dialect::Gemini)?,
        })
    }
}

impl Dialect {
    /// Reads a client's request. The head's model and stream flag replace what the body says.
    pub fn decode_request(self, body: &[u8], head: &RequestHead<'_>) -> Result<ChatRequest, DecodeError> {
        match self {
            Self::OpenAiChat => openai_chat::decode_request(body, head),
            Self::OpenAiResponses => openai_responses::decode_request(body, head),
            Self::Anthropic => anthropic::decode_request(body, head),
            Self::Ollama => ollama::decode_request(body, head),
            Self::Gemini => gemini::decode_request(body, head),
        }
    }

    /// Writes a request for an upstream. Fails when leaving something out would change what is asked.
    pub fn encode_request(self, mut request: ChatRequest, quirks: &Quirks) -> Result<Encoded, Failure> {
        refuse_untranslatable(self, &request)?;
        turns::join(&mut request, self);
        let request = &request;
        Ok(match self {
            Self::OpenAiChat => openai_chat::encode_request(request, &quirks.openai_chat),
            Self::OpenAiResponses => openai_responses::encode_request(request),
            Self::Anthropic => anthropic::encode_request(request, &quirks.anthropic),
            Self::Ollama => ollama::encode_request(request),
            Self::Gemini => gemini::encode_request(request, &quirks.gemini),
        })
    }

    /// Reads an upstream's whole answer: the fold of the events it means.
    pub fn decode_response(
        self,
        body: &[u8],
        stamp: &Stamp,
        quirks: &Quirks,
    ) -> Result<ChatResponse, Failure> {
        fold(self.decode_document(body, stamp, quirks)?)
    }

    /// An upstream's whole answer as the sequenced events of a stream that says the same.
    pub fn decode_document(self, body: &[u8], stamp: &Stamp, quirks: &Quirks) -> Result<Vec<Event>, Failure> {
        let events = match self {
            Self::OpenAiChat => openai_chat::Decoder::new(stamp, &quirks.openai_chat).document(body),
            Self::OpenAiResponses => openai_responses::Decoder::new(stamp).document(body),
            Self::Anthropic => anthropic::Decoder::new(stamp).document(body),
            Self::Ollama => ollama::Decoder::new(stamp).document(body),
            Self::Gemini => gemini::Decoder::new(stamp).document(body),
        };
        let mut sequencer = Sequencer::new();
        let mut out = Vec::new();
        for event in events? {
            sequencer.event(event, &mut out);
        }
        sequencer.end(&mut out);
        Ok(out)
    }

    /// Writes a whole answer for a client.
    pub fn encode_response(self, response: &ChatResponse, stamp: &Stamp, style: &ReplyStyle) -> Vec<u8> {
        match self {
            Self::OpenAiChat => openai_chat::encode_response(from_ref(response), stamp, style),
            Self::OpenAiResponses => openai_responses::encode_response(response, stamp, style),
            Self::Anthropic => anthropic::encode_response(response, stamp),
            Self::Ollama => ollama::encode_response(response, stamp, style),
            Self::Gemini => gemini::encode_response(from_ref(response), stamp),
        }
    }

    /// The reader of an upstream's stream.
    pub fn event_decoder(self, stamp: &Stamp, quirks: &Quirks) -> Box<dyn DecodeEvents> {
        match self {
            Self::OpenAiChat => Box::new(openai_chat::Decoder::new(stamp, &quirks.openai_chat)),
            Self::OpenAiResponses => Box::new(openai_responses::Decoder::new(stamp)),
            Self::Anthropic => Box::new(anthropic::Decoder::new(stamp)),
            Self::Ollama => Box::new(ollama::Decoder::new(stamp)),
            Self::Gemini => Box::new(gemini::Decoder::new(stamp)),
        }
    }

    /// The writer of a client's stream.
    pub fn event_encoder(self, stamp: &Stamp, style: &ReplyStyle) -> Box<dyn EncodeEvents> {
        match self {
            Self::OpenAiChat => Box::new(openai_chat::Encoder::new(stamp, style)),
            Self::OpenAiResponses => Box::new(openai_responses::Encoder::new(stamp, style)),
            Self::Anthropic => Box::new(anthropic::Encoder::new(stamp)),
            Self::Ollama => Box::new(ollama::Encoder::new(stamp, style)),
            Self::Gemini => Box::new(gemini::Encoder::new(stamp)),
        }
    }

    /// The media type of a stream in this dialect.
    pub fn stream_content_type(self) -> &'static str {
        match self {
            Self::Ollama => "application/x-ndjson",
            Self::OpenAiChat | Self::OpenAiResponses | Self::Anthropic | Self::Gemini => "text/event-stream",
        }
    }

    /// Bytes that keep a silent stream open without meaning anything; `None` where the dialect has none.
    pub fn keep_alive(self) -> Option<&'static [u8]> {
        match self {
            Self::Anthropic => Some(b"event: ping\ndata: {\"type\": \"ping\"}\n\n"),
            Self::OpenAiChat | Self::OpenAiResponses | Self::Gemini => Some(b": ping\n\n"),
            Self::Ollama => None,
        }
    }
}

impl ReplyStyle {
    /// The style that suits a request.
    pub fn of(request: &ChatRequest, operation: Operation, usage: UsageInStream) -> Self {
        let functions = || request.tools.iter().filter_map(Tool::as_function);
        let own = |name: &str| {
            let renamed = request.renamed.iter().find(|(short, _)| short == name);
            renamed.map_or(name, |(_, own)| own).to_owned()
        };
        let namespaces = functions().filter_map(|function| {
            let flat = own(&function.name);
            let (namespace, name) = openai_responses::split_namespace(function, &flat)?;
            Some(Namespaced { flat, namespace, name })
        });
        let customs = functions().filter(|function| openai_responses::is_custom(function));
        Self {
            operation,
            usage,
            namespaces: namespaces.collect(),
            customs: customs.map(|function| own(&function.name)).collect(),
            renamed: request.renamed.clone(),
            choices: request.answers(),
        }
    }
}

/// Fields whose loss would give another answer than the one asked for.
fn refuse_untranslatable(target: Dialect, request: &ChatRequest) -> Result<(), Failure> {
    let Some(origin) = request.origin else { return Ok(()) };
    choices::refuse_too_many(target, origin, request.answers())?;
    if origin == target {
        return Ok(());
    }
    let said = |key: &str| request.extras.get(origin, key);
    if origin == Dialect::OpenAiResponses {
        let parts = request.messages.iter().flat_map(|message| &message.parts);
        let mut opaque =
            parts.filter_map(|part| if let Part::Opaque(found) = part { Some(found) } else { None });
        if opaque.any(|found| found.kind == "item_reference") {
            let message = "this provider keeps no items: send them instead of references to them";
            return Err(unsupported("input", message));
        }
        for key in ["previous_response_id", "conversation"] {
            if said(key).is_some() {
                let message = "this provider keeps no conversations: send the whole input instead";
                return Err(unsupported(key, message));
            }
        }
        if said("background").is_some_and(|value| value.as_str() == "true") {
            return Err(unsupported("background", "this provider has no background responses"));
        }
    }
    Ok(())
}
