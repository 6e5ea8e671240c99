//! JSON values that are read key by key.
//!
//! Deriving a reader for each structure would make the embedded library a
//! tenth larger; this is one reader for all of them.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::memory::{self, NoMemory};
use crate::model::Problem;

/// The number of values that any text may have, and the length of text for each further one. A
/// value takes up to 72 bytes of memory, so that a text takes 4 MB and three times its length. A
/// weight file has some 50 values a kilobyte of its header, so that one with 10,000 tensors can
/// be read.
const VALUES: usize = 50_000;
const BYTES_A_VALUE: usize = 32;

/// The length of the shortest text whose memory is tried first.
const LONG: usize = 1024;

/// A JSON value.
#[derive(Debug)]
pub enum Json {
    Null,
    Flag(bool),
    /// A whole number, 0 or more.
    Count(u64),
    /// Any other number.
    Number(f64),
    Text(Box<str>),
    List(Box<[Json]>),
    Object(Object),
}

/// A JSON object, whose keys are each taken once.
#[derive(Debug)]
pub struct Object(Box<[Pair]>);

/// A key, and its value until it is taken.
type Pair = (Box<str>, Option<Json>);

impl Json {
    /// Reads a text that is JSON as a whole. Memory is bounded by the text's length: see
    /// [`VALUES`].
    ///
    /// # Errors
    /// Line, column and problem, in words, or that there is no memory.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        if text.len() >= LONG {
            // serde_json's own buffer, for a text with escapes, doubles as it grows and cannot be
            // refused. Where there is room for both halves now, there is also a moment later.
            drop(memory::reserved::<u8>(text.len().saturating_mul(3))?);
        }
        let left = VALUES + text.len() / BYTES_A_VALUE;
        let mut reading = Reading { left, ..Reading::default() };
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let json = AnyValue(&mut reading).deserialize(&mut deserializer);
        let json = json.and_then(|json| deserializer.end().map(|()| json));
        json.map_err(|error| match reading.no_memory {
            Some(why) => why.into(),
            None => error.to_string().into(),
        })
    }

    /// The value as an object. `name` is its name in error messages, here and below.
    pub fn object(self, name: &str) -> Result<Object, Problem> {
        match self {
            Self::Object(object) => Ok(object),
            other => Err(other.unexpected(name, "an object").into()),
        }
    }

    /// A list.
    pub fn list(self, name: &str) -> Result<Vec<Self>, Problem> {
        match self {
            Self::List(list) => Ok(list.into_vec()),
            other => Err(other.unexpected(name, "a list").into()),
        }
    }

    /// A text.
    pub fn text(self, name: &str) -> Result<String, Problem> {
        match self {
            Self::Text(text) => Ok(text.into_string()),
            other => Err(other.unexpected(name, "a text").into()),
        }
    }

    /// True or false.
    pub fn flag(self, name: &str) -> Result<bool, Problem> {
        match self {
            Self::Flag(flag) => Ok(flag),
            other => Err(other.unexpected(name, "true or false").into()),
        }
    }

    /// A number, rounded to f32. One beyond f32 is refused: infinity cannot be written again.
    pub fn number(self, name: &str) -> Result<f32, Problem> {
        let number = match self {
            Self::Count(number) => number as f32,
            Self::Number(number) => number as f32,
            _ => f32::NAN,
        };
        match number.is_finite() {
            true => Ok(number),
            false => Err(self.unexpected(name, "a number within f32").into()),
        }
    }

    /// A whole number, 0 or more.
    pub fn count(self, name: &str) -> Result<usize, Problem> {
        let count = match &self {
            Self::Count(number) => usize::try_from(*number).ok(),
            _ => None,
        };
        count.ok_or_else(|| self.unexpected(name, "a whole number of 0 or more").into())
    }

    /// A list of whole numbers, 0 or more.
    pub fn counts(self, name: &str) -> Result<Vec<usize>, Problem> {
        memory::try_collected(self.list(name)?.into_iter().map(|number| number.count(name)))
    }

    /// A list of numbers, each rounded to f32.
    pub fn numbers(self, name: &str) -> Result<Vec<f32>, Problem> {
        memory::try_collected(self.list(name)?.into_iter().map(|number| number.number(name)))
    }

    fn unexpected(&self, name: &str, expected: &str) -> String {
        let found = match self {
            Self::Null => "null",
            Self::Flag(_) => "true or false",
            Self::Count(number) => return format!("{name} is {number}; {expected} is expected"),
            Self::Number(number) => {
                let number = *number as f32;
                return format!("{name} is {number}; {expected} is expected");
            }
            Self::Text(text) => return format!("{name} is \"{text}\"; {expected} is expected"),
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        };
        format!("{name} is {found}; {expected} is expected")
    }
}

impl Object {
    /// Takes a key's value.
    pub fn take(&mut self, key: &str) -> Option<Json> {
        let place = self.0.binary_search_by(|(other, _)| (**other).cmp(key)).ok()?;
        self.0[place].1.take()
    }

    /// Takes the value of a key that must be there.
    ///
    /// # Errors
    /// If it is not; the message names the remaining keys, since one may be a
    /// misspelling.
    pub fn need(&mut self, key: &str) -> Result<Json, Problem> {
        self.take(key).ok_or_else(|| {
            let left: Vec<&str> = self
                .0
                .iter()
                .filter(|(_, value)| value.is_some())
                .map(|(key, _)| &**key)
                .take(5)
                .collect();
            format!("the key \"{key}\" is missing; the other keys are {left:?}").into()
        })
    }

    /// Takes a key's value and reads it with `read`; `None` if the key is not there.
    ///
    /// # Errors
    /// Those of `read`, which gets the key as the name.
    pub fn maybe<T>(
        &mut self,
        key: &str,
        read: fn(Json, &str) -> Result<T, Problem>,
    ) -> Result<Option<T>, Problem> {
        self.take(key).map(|value| read(value, key)).transpose()
    }

    /// Refuses keys that were not taken, so that nothing is silently ignored.
    ///
    /// # Errors
    /// Names a key that is left.
    pub fn finish(self) -> Result<(), Problem> {
        match self.0.iter().find(|(_, value)| value.is_some()) {
            Some((key, _)) => Err(format!("the key \"{key}\" is unknown").into()),
            None => Ok(()),
        }
    }

    /// All keys that were not taken, and their values, in the order of the keys.
    pub fn into_pairs(self) -> impl Iterator<Item = (String, Json)> {
        let pairs = self.0.into_vec().into_iter();
        pairs.filter_map(|(key, value)| Some((key.into_string(), value?)))
    }
}

/// What the reading of a text shares.
#[derive(Default)]
struct Reading {
    /// How many values are left.
    left: usize,
    /// Set where there is no memory: serde_json's errors are texts.
    no_memory: Option<NoMemory>,
    /// The elements of all lists and objects that have not ended, so that each list is allocated
    /// once, at its length.
    values: Vec<Json>,
    pairs: Vec<Pair>,
}

impl Reading {
    /// What was allocated.
    fn allocated<T, E: serde::de::Error>(&mut self, allocated: memory::Result<T>) -> Result<T, E> {
        allocated.map_err(|why| {
            self.no_memory = Some(why);
            E::custom("")
        })
    }

    fn text<E: serde::de::Error>(&mut self, text: &str) -> Result<Box<str>, E> {
        self.allocated(memory::text(text))
    }
}

/// Reads a key.
struct Key<'a>(&'a mut Reading);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Box<str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Box<str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key<'_> {
    type Value = Box<str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Box<str>, E> {
        self.0.text(text)
    }
}

/// Reads a value, as long as some are left.
struct AnyValue<'a>(&'a mut Reading);

impl<'de> DeserializeSeed<'de> for AnyValue<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        let left = self.0.left.checked_sub(1);
        self.0.left =
            left.ok_or_else(|| D::Error::custom("it has too many values for its length"))?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AnyValue<'_> {
    type Value = Json;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Json, E> {
        Ok(Json::Flag(flag))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Count(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Json, E> {
        Ok(Json::Number(number))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Json, E> {
        self.0.text(text).map(Json::Text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Json, A::Error> {
        let start = self.0.values.len();
        while let Some(value) = values.next_element_seed(AnyValue(self.0))? {
            let pushed = memory::push(&mut self.0.values, value);
            self.0.allocated(pushed)?;
        }
        let list = memory::collected(self.0.values.drain(start..));
        Ok(Json::List(self.0.allocated(list)?.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Json, A::Error> {
        let start = self.0.pairs.len();
        while let Some(key) = pairs.next_key_seed(Key(self.0))? {
            let pair = (key, Some(pairs.next_value_seed(AnyValue(self.0))?));
            let pushed = memory::push(&mut self.0.pairs, pair);
            self.0.allocated(pushed)?;
        }
        let object = memory::collected(self.0.pairs.drain(start..));
        let mut object = self.0.allocated(object)?;
        object.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        match object.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => {
                Err(A::Error::custom(format_args!("the key \"{}\" is given twice", pair[0].0)))
            }
            None => Ok(Json::Object(Object(object.into()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_taken_once_and_the_rest_is_refused() {
        let text = r#"{"width": 3, "names": ["a", "é"], "deep": {"rate": -2.5e-1, "on": true}}"#;
        let mut object = Json::parse(text).unwrap().object("it").unwrap();
        assert_eq!(object.need("width").unwrap().count("width"), Ok(3));
        let missing = object.need("width").unwrap_err().to_string();
        assert_eq!(
            missing,
            "the key \"width\" is missing; the other keys are [\"deep\", \"names\"]"
        );
        let names = object.need("names").unwrap().list("names").unwrap();
        let names: Vec<_> = names.into_iter().map(|name| name.text("names").unwrap()).collect();
        assert_eq!(names, ["a", "é"]);
        let mut deep = object.need("deep").unwrap().object("deep").unwrap();
        assert!(object.finish().is_ok());
        assert_eq!(deep.maybe("rate", Json::number), Ok(Some(-0.25)));
        assert_eq!(deep.maybe("off", Json::flag), Ok(None));
        assert_eq!(deep.finish().unwrap_err().to_string(), "the key \"on\" is unknown");
    }

    #[test]
    fn other_kinds_of_values_are_refused_by_name() {
        let count = |text| Json::parse(text).unwrap().count("width");
        assert_eq!(count("0"), Ok(0));
        assert_eq!(count("18446744073709551615"), Ok(usize::MAX));
        for text in ["-1", "2.5", "2.0", "18446744073709551616", "null", "\"3\"", "[3]"] {
            let problem = count(text).unwrap_err().to_string();
            assert!(problem.starts_with("width is "), "{text}: {problem}");
        }
        assert!(
            Json::parse("true")
                .unwrap()
                .object("it")
                .unwrap_err()
                .to_string()
                .contains("an object")
        );
    }

    #[test]
    fn what_is_no_json_or_says_a_thing_twice_is_refused() {
        let doubled = Json::parse(r#"{"a": 1, "b": 2, "a": 3}"#).unwrap_err().to_string();
        assert!(doubled.contains("\"a\" is given twice"), "{doubled}");
        for text in ["", "{", "{} {}", "{\"a\"}", "[1,]", "nul", "\"\u{1}\"", "1e999"] {
            assert!(Json::parse(text).is_err(), "{text}");
        }
        // Neither the stack nor the time that a hostile text can use up.
        assert!(Json::parse(&"[".repeat(1 << 20)).is_err());
        let keys = |space: &str| {
            let keys: Vec<_> = (0..200_000).map(|key| format!("{space}\"{key}\":0")).collect();
            Json::parse(&format!("{{{}}}", keys.join(",")))
        };
        assert!(keys(&" ".repeat(BYTES_A_VALUE)).is_ok());
        assert!(
            keys("").unwrap_err().to_string().starts_with("it has too many values for its length")
        );
        assert!(Json::parse(&format!("[{}0]", "0,".repeat(VALUES + VALUES / 10))).is_err());
        assert!(Json::parse(&format!("[{}0]", "0,".repeat(VALUES - 2))).is_ok());
        assert!(size_of::<Pair>() <= 40);
    }
}
