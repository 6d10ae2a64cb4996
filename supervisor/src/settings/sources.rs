//! Where a thing of the file stands, for whoever must be told that it is to be changed there.

use super::load::{Base, Origin};
use super::place::{Place, Position, SpotKind, Typed};

impl Base {
    /// Stored things are used at all: not beside the flags of llm-link 0.7, which stand for a whole configuration.
    pub(crate) fn takes_stored(&self) -> bool {
        !matches!(self.origin, Origin::Flags { .. })
    }

    /// Where the file's side defines the thing of that name: `PATH:LINE`, or what stands in for the file.
    pub(crate) fn defines(&self, kind: SpotKind, name: &str) -> Option<String> {
        let is = |typed: &Option<Typed<String>>| typed.as_ref().is_some_and(|typed| typed.value == name);
        let raw = &self.raw;
        let place = match kind {
            SpotKind::Provider => raw.providers.iter().find(|p| is(&p.name)).map(|p| &p.place),
            SpotKind::App => raw.apps.iter().find(|app| is(&app.name)).map(|app| &app.place),
            SpotKind::Alias => raw.aliases.iter().find(|alias| is(&alias.name)).map(|alias| &alias.place),
            SpotKind::Setting => return self.setting(name).map(|place| self.at(&place)),
        };
        place.map(|place| self.at(place))
    }

    /// A place, for people.
    fn at(&self, place: &Place) -> String {
        let origin = self.origin.name();
        match place {
            Place::Byte(byte) => format!("{origin}:{}", Position::of(&self.text, *byte).line),
            Place::Named(name) => (*name).to_owned(),
            Place::Whole | Place::Stored(_) => origin,
        }
    }

    /// Where a single value is typed: `server.deadline`, `log.level`.
    pub(crate) fn setting(&self, name: &str) -> Option<Place> {
        fn place<T>(typed: &Option<Typed<T>>) -> Option<Place> {
            typed.as_ref().map(|typed| typed.place.clone())
        }
        let raw = &self.raw;
        let (server, log) = (&raw.server, &raw.log);
        match name {
            "server.listen" => server.listen.as_ref()?.first().map(|typed| typed.place.clone()),
            "server.open" => place(&server.open),
            "server.state_dir" => place(&server.state_dir),
            "server.runtime_dir" => place(&server.runtime_dir),
            "server.body_limit" => place(&server.body_limit),
            "server.hold_limit" => place(&server.hold_limit),
            "server.header_limit" => place(&server.header_limit),
            "server.read_timeout" => place(&server.read_timeout),
            "server.connections" => place(&server.connections),
            "server.deadline" => place(&server.deadline),
            "server.drain_timeout" => place(&server.drain_timeout),
            "server.max_attempts" => place(&server.max_attempts),
            "server.attempts_per_provider" => place(&server.attempts_per_provider),
            "server.threads" => place(&server.threads),
            "server.runtime" => place(&server.runtime),
            "server.utc_offset" => place(&server.utc_offset),
            "log.level" => place(&log.level),
            "log.format" => place(&log.format),
            "server.apps" => server.apps.as_ref()?.first().map(|(at, _)| at.place.clone()),
            "server.admin" => server.admin.as_ref()?.first().map(|typed| typed.place.clone()),
            _ => raw.usual(name),
        }
    }

    /// The text of a place, and whether it is one of the command line or environment.
    pub(crate) fn source(&self, place: &Place) -> protocol::control::record::Source {
        use protocol::control::record::Source;
        match place {
            Place::Byte(_) => match self.origin {
                Origin::Embedded => Source::Embedded,
                Origin::File(_) | Origin::Flags { .. } => Source::File(self.at(place)),
            },
            Place::Named("RUST_LOG") => Source::Environment("RUST_LOG".to_owned()),
            Place::Named(_) => Source::CommandLine,
            Place::Whole => Source::Default,
            Place::Stored(_) => Source::Store,
        }
    }
}
