//! Users as bytes, to be stored between sessions.
//!
//! Numbers are little endian; a *string* is its length in bytes (`u32`), and
//! then its UTF-8.
//!
//! | | |
//! | --- | --- |
//! | mark | the eight bytes `melu-usr` |
//! | version | `u32`, 1 |
//! | fingerprint | `u64`, of the model and the data type of the user's catalogue: see [`Model::fingerprint`] |
//! | profile | `u32` count, and for each value: the field, a string; a byte 0, 1 or 2; and a name (string), an index (`u32`) or a number (`f32`) |
//! | ratings | `u32` count, and for each: the item's id, a string; the rating, `f32` |
//! | head | `u32` count, and its numbers, `f32`: the model's tensors in their order, without the first layer's weights of the user's inputs, whose updates are in its bias |
//! | checksum | `u64`, XXH64 with the seed 0 of all bytes before it |

use xxhash_rust::xxh64::xxh64;

use crate::model::schema::Value;
use crate::user::new_state;
use crate::user::profile::{Profile, Use, uses};
use crate::{Catalog, Error, Result, Scratch, User};

const MARK: &[u8; 8] = b"melu-usr";
const VERSION: u32 = 1;

/// A loaded user, with what changed on the way.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The user.
    pub user: User,
    /// Whether the head was adapted anew from the ratings, as the user was saved with another
    /// model or a catalogue in another data type.
    pub adapted_anew: bool,
    /// The number of ratings of items that the catalogue lacks.
    pub missing_items: usize,
}

impl User {
    /// Profile, ratings by item id, and adapted head as bytes, for
    /// [`User::load`].
    pub fn save(&self) -> Vec<u8> {
        let mut bytes = MARK.to_vec();
        push_number(&mut bytes, VERSION);
        bytes.extend_from_slice(&self.catalog.fingerprint().to_le_bytes());
        push_number(&mut bytes, self.profile.values().len() as u32);
        for (field, value) in self.profile.values() {
            push_string(&mut bytes, field);
            match value {
                Value::Name(name) => {
                    bytes.push(0);
                    push_string(&mut bytes, name);
                }
                Value::Index(index) => {
                    bytes.push(1);
                    push_number(&mut bytes, index);
                }
                Value::Number(number) => {
                    bytes.push(2);
                    push_number(&mut bytes, number.to_bits());
                }
            }
        }
        push_number(&mut bytes, (self.rated.len() + self.absent.len()) as u32);
        let rated = self.rated.iter().map(|&item| self.catalog.id(item).unwrap_or_default());
        let rated = rated.zip(self.ratings().iter().copied());
        let absent = self.absent.iter().map(|(id, rating)| (&**id, *rating));
        for (id, rating) in rated.chain(absent) {
            push_string(&mut bytes, id);
            push_number(&mut bytes, rating.to_bits());
        }
        let head = self.own_head.numbers();
        push_number(&mut bytes, head.len() as u32);
        head.iter().for_each(|number| push_number(&mut bytes, number.to_bits()));
        let checksum = xxh64(&bytes, 0);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// A user from the bytes of [`User::save`], into any catalogue.
    ///
    /// With the same model and a catalogue in the same data type, the user's scores are
    /// the same bits as before. Otherwise the head is adapted anew, and profile values that
    /// the model cannot use count as unknown. Ratings of items that the catalogue lacks are
    /// kept and saved again, until the user is adapted or reset.
    ///
    /// # Errors
    /// [`Error::SavedUser`] if the bytes are not a complete saved user;
    /// [`Error::Rating`] and [`Error::Diverged`] if another model cannot learn
    /// from the ratings; [`Error::Argument`] for a scratch of another catalogue.
    pub fn load(catalog: &Catalog, bytes: &[u8], scratch: &mut Scratch) -> Result<Loaded> {
        let saved = Saved::read(bytes)?;
        let values = uses(catalog.model(), saved.profile.iter().copied());
        let usable = values.filter(|(.., of_value)| *of_value != Use::Refused);
        let profile: Vec<_> = usable.map(|(name, value, _)| (name, value)).collect();
        let mut user = Self::new(catalog, &profile)?;
        user.unknown_values += saved.profile.len() - profile.len();
        user.profile = Profile::new(&saved.profile);
        let adapted_anew = saved.fingerprint != catalog.fingerprint();
        if !adapted_anew && saved.head.len() != user.own_head.numbers().len() {
            let (found, expected) = (saved.head.len(), user.own_head.numbers().len());
            return Err(refuse(format!("its head has {found} numbers instead of {expected}")));
        }
        let (mut items, mut ratings, mut absent) = (Vec::new(), Vec::new(), Vec::new());
        for &(id, rating) in &saved.ratings {
            match catalog.find(id) {
                Some(item) => {
                    items.push(item);
                    ratings.push(rating);
                }
                None => absent.push((Box::from(id), rating)),
            }
        }
        // The vector for choosing is not saved: it follows from the ratings.
        user.adapt(&items, &ratings, scratch)?;
        if !adapted_anew {
            user.own_head.change().0.copy_from_slice(&saved.head);
            user.state = new_state();
        }
        let missing_items = absent.len();
        user.absent = absent;
        Ok(Loaded { user, adapted_anew, missing_items })
    }
}

fn push_number(bytes: &mut Vec<u8>, number: u32) {
    bytes.extend_from_slice(&number.to_le_bytes());
}

fn push_string(bytes: &mut Vec<u8>, string: &str) {
    push_number(bytes, string.len() as u32);
    bytes.extend_from_slice(string.as_bytes());
}

fn refuse(problem: impl Into<String>) -> Error {
    Error::SavedUser { problem: problem.into() }
}

/// The contents of a saved user.
struct Saved<'a> {
    fingerprint: u64,
    profile: Vec<(&'a str, Value<'a>)>,
    ratings: Vec<(&'a str, f32)>,
    head: Vec<f32>,
}

impl<'a> Saved<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self> {
        let mut rest = Bytes(bytes);
        if rest.take(MARK.len())? != MARK {
            return Err(refuse("the bytes do not begin as one"));
        }
        let version = rest.number()?;
        if version != VERSION {
            let problem = format!("version {version} is unknown; this library reads {VERSION}");
            return Err(refuse(problem));
        }
        let checksum = rest.0.split_last_chunk().filter(|(_, checksum)| {
            xxh64(&bytes[..bytes.len() - checksum.len()], 0) == u64::from_le_bytes(**checksum)
        });
        let (content, _) = checksum.ok_or_else(|| refuse("the bytes are cut or were changed"))?;
        let mut rest = Bytes(content);
        let fingerprint = u64::from(rest.number()?) | u64::from(rest.number()?) << 32;
        // Counts are not trusted: nothing is allocated before its bytes were read.
        let mut profile = Vec::new();
        for _ in 0..rest.number()? {
            let field = rest.string()?;
            let value = match rest.take(1)? {
                [0] => Value::Name(rest.string()?),
                [1] => Value::Index(rest.number()?),
                [2] => Value::Number(rest.float()?),
                [kind] => {
                    return Err(refuse(format!("a value's kind is {kind}; 0 to 2 is expected")));
                }
                _ => return Err(refuse("a value has no kind")),
            };
            profile.push((field, value));
        }
        let mut ratings = Vec::new();
        for _ in 0..rest.number()? {
            ratings.push((rest.string()?, rest.float()?));
        }
        let mut head = Vec::new();
        for _ in 0..rest.number()? {
            head.push(rest.float()?);
        }
        match rest.0 {
            [] => Ok(Self { fingerprint, profile, ratings, head }),
            more => Err(refuse(format!("{} bytes more than expected", more.len()))),
        }
    }
}

/// The bytes not yet read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) =
            self.0.split_at_checked(count).ok_or_else(|| refuse("the bytes end too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u32> {
        let bytes = self.take(size_of::<u32>())?;
        Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    /// A finite number.
    fn float(&mut self) -> Result<f32> {
        let number = f32::from_bits(self.number()?);
        match number.is_finite() {
            true => Ok(number),
            false => Err(refuse(format!("it holds {number}; all numbers must be finite"))),
        }
    }

    fn string(&mut self) -> Result<&'a str> {
        let len = self.number()? as usize;
        std::str::from_utf8(self.take(len)?).map_err(|error| refuse(format!("a string: {error}")))
    }
}
