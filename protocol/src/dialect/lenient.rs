//! Values of upstream answers read without trust: a wrong type is "not said", never a lost answer.

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// A count: a number or a numeral in a string; anything else, negative numbers included, is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) Option<u64>);

/// Whether a value holds anything: a non-empty text, list or object, a number, `true`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filled(pub(crate) bool);

/// A text; anything else is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) Option<String>);

/// A list whose unreadable elements are left out; anything but a list is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct List<T>(pub(crate) Vec<T>);

/// A value that may be of any shape; absent unless it is a `T`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Loose<T>(pub(crate) Option<T>);

impl<T> Default for Loose<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de: 'a, 'a, T: Deserialize<'a>> Deserialize<'de> for Loose<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw: &'de RawValue = Deserialize::deserialize(deserializer)?;
        Ok(Self(serde_json::from_str(raw.get()).ok()))
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Seen).map(|seen| match seen {
            Kind::Whole(n) => Count(Some(n)),
            Kind::Text(text) => Count(text.trim().parse().ok()),
            Kind::Empty | Kind::Full => Count(None),
        })
    }
}

impl<'de> Deserialize<'de> for Filled {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Seen).map(|seen| match seen {
            Kind::Text(text) => Filled(!text.is_empty()),
            Kind::Whole(_) | Kind::Full => Filled(true),
            Kind::Empty => Filled(false),
        })
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Seen).map(|seen| match seen {
            Kind::Text(text) => Text(Some(text)),
            Kind::Whole(_) | Kind::Full | Kind::Empty => Text(None),
        })
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Loose(items) = Loose::<Vec<Loose<T>>>::deserialize(deserializer)?;
        Ok(List(items.unwrap_or_default().into_iter().filter_map(|item| item.0).collect()))
    }
}

/// What kind of value passed by.
enum Kind {
    Empty,
    Full,
    Whole(u64),
    Text(String),
}

struct Seen;

impl<'de> Visitor<'de> for Seen {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Kind, E> {
        Ok(if value { Kind::Full } else { Kind::Empty })
    }

    fn visit_u64<E>(self, value: u64) -> Result<Kind, E> {
        Ok(Kind::Whole(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Kind, E> {
        Ok(Kind::Full)
    }

    fn visit_f64<E>(self, value: f64) -> Result<Kind, E> {
        let whole = value.fract() == 0.0 && (0.0..9.0e15).contains(&value);
        Ok(if whole { Kind::Whole(value as u64) } else { Kind::Full })
    }

    fn visit_str<E>(self, value: &str) -> Result<Kind, E> {
        Ok(Kind::Text(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Empty)
    }

    fn visit_none<E>(self) -> Result<Kind, E> {
        Ok(Kind::Empty)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        deserializer.deserialize_any(Seen)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Kind, A::Error> {
        let mut kind = Kind::Empty;
        while seq.next_element::<IgnoredAny>()?.is_some() {
            kind = Kind::Full;
        }
        Ok(kind)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kind, A::Error> {
        let mut kind = Kind::Empty;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            kind = Kind::Full;
        }
        Ok(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_types_are_not_said() {
        let counts: Vec<Count> = serde_json::from_str(r#"[1,"7",2.0,2.5,-1,null,[],{},true]"#).unwrap();
        let want = [Some(1), Some(7), Some(2), None, None, None, None, None, None];
        assert_eq!(counts.iter().map(|c| c.0).collect::<Vec<_>>(), want);
        let filled: Vec<Filled> = serde_json::from_str(r#"["","a",[],[0],{},{"a":0},null,0,false]"#).unwrap();
        let want = [false, true, false, true, false, true, false, true, false];
        assert_eq!(filled.iter().map(|c| c.0).collect::<Vec<_>>(), want);
        for (text, want) in [("null", vec![]), ("7", vec![]), ("[1,\"x\",2]", vec![1, 2])] {
            assert_eq!(serde_json::from_str::<List<u8>>(text).unwrap().0, want);
        }
        assert_eq!(serde_json::from_str::<Loose<u8>>("{}").unwrap().0, None);
    }
}
