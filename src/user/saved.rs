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
//! | head | `u32` count, and its numbers, `f32`: the model's tensors in their order, without the first layer's weights of the user's inputs, whose updates are in its bias. None if the head was adapted without some of these ratings, as its catalogue lacked the items: it is adapted anew then |
//! | checksum | `u64`, XXH64 with the seed 0 of all bytes before it |

use xxhash_rust::xxh64::xxh64;

use crate::model::schema::Value;
use crate::user::new_state;
use crate::user::profile::{Profile, Use, each_use};
use crate::{Catalog, Error, Result, Scratch, User, memory};

const MARK: &[u8; 8] = b"melu-usr";
const VERSION: u32 = 1;

/// A loaded user, with what changed on the way.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The user.
    pub user: User,
    /// Whether the head was adapted anew from the ratings, as the user was saved with another
    /// model or a catalogue in another data type, or adapted in a catalogue that lacked items.
    pub adapted_anew: bool,
    /// The number of ratings of items that the catalogue lacks.
    pub missing_items: usize,
}

impl User {
    /// Profile, ratings by item id, and adapted head as bytes, for
    /// [`User::load`].
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn save(&self) -> Result<Vec<u8>> {
        let mut size = 0;
        self.write(&mut |bytes| size += bytes.len());
        let mut saved = memory::reserved(size + size_of::<u64>())?;
        self.write(&mut |bytes| saved.extend_from_slice(bytes));
        let checksum = xxh64(&saved, 0);
        saved.extend_from_slice(&checksum.to_le_bytes());
        Ok(saved)
    }

    /// Writes all but the checksum, part by part. Compiled once for both passes.
    #[inline(never)]
    fn write(&self, to: &mut dyn FnMut(&[u8])) {
        to(MARK);
        put_number(to, VERSION);
        to(&self.catalog.fingerprint().to_le_bytes());
        put_number(to, self.profile.values().len() as u32);
        for (field, value) in self.profile.values() {
            put_string(to, field);
            match value {
                Value::Name(name) => {
                    to(&[0]);
                    put_string(to, name);
                }
                Value::Index(index) => {
                    to(&[1]);
                    put_number(to, index);
                }
                Value::Number(number) => {
                    to(&[2]);
                    put_number(to, number.to_bits());
                }
            }
        }
        put_number(to, (self.rated.len() + self.absent.len()) as u32);
        let rated = self.rated.iter().map(|&item| self.catalog.id(item).unwrap_or_default());
        let rated = rated.zip(self.ratings().iter().copied());
        let absent = self.absent.iter().map(|(id, rating)| (&**id, *rating));
        for (id, rating) in rated.chain(absent) {
            put_string(to, id);
            put_number(to, rating.to_bits());
        }
        let head = if self.lacks_absent { &[] } else { self.own_head.numbers() };
        put_number(to, head.len() as u32);
        head.iter().for_each(|number| put_number(to, number.to_bits()));
    }

    /// A user from the bytes of [`User::save`], into any catalogue.
    ///
    /// With the same model and a catalogue in the same data type that has all rated items, the
    /// user's scores are the same bits as before. Otherwise the head is adapted anew, and profile
    /// values that the model cannot use count as unknown. Ratings of items that the catalogue
    /// lacks are kept and saved again, until the user is adapted or reset: of the same model's
    /// they still count in predicted ratings until another rating changes, but not in scores.
    ///
    /// # Errors
    /// [`Error::SavedUser`] if the bytes are not a complete saved user;
    /// [`Error::Rating`] and [`Error::Diverged`] if another model cannot learn
    /// from the ratings; [`Error::Argument`] for a scratch of another catalogue; and
    /// [`Error::OutOfMemory`].
    pub fn load(catalog: &Catalog, bytes: &[u8], scratch: &mut Scratch) -> Result<Loaded> {
        let saved = Saved::read(bytes)?;
        let mut profile = memory::reserved(saved.profile.len())?;
        let values = saved.profile.iter().copied();
        each_use(catalog.model(), values, |name, value, of_value| {
            profile.extend(Some((name, value)).filter(|_| of_value != Use::Refused));
            Ok(())
        })?;
        let mut user = Self::new(catalog, &profile)?;
        user.unknown_values += saved.profile.len() - profile.len();
        user.profile = Profile::new(&saved.profile)?;
        let expected = user.own_head.numbers().len();
        let lacks_head = saved.head.is_empty() && expected > 0;
        let adapted_anew = lacks_head || saved.fingerprint != catalog.fingerprint();
        if !adapted_anew && saved.head.len() != expected {
            let found = saved.head.len();
            return Err(refuse(format!("its head has {found} numbers instead of {expected}")));
        }
        let count = saved.ratings.len();
        let mut items = memory::reserved(count)?;
        let mut ratings = memory::reserved(count)?;
        let mut absent = Vec::new();
        for &(id, rating) in &saved.ratings {
            match catalog.find(id) {
                Some(item) => {
                    items.push(item);
                    ratings.push(rating);
                }
                None => memory::push(&mut absent, (memory::text(id)?, rating))?,
            }
        }
        // The vector for choosing is not saved: it follows from the ratings.
        user.adapt(&items, &ratings, scratch)?;
        if !adapted_anew {
            user.own_head.change().0.copy_from_slice(&saved.head);
            user.state = new_state();
        }
        let missing_items = absent.len();
        user.lacks_absent = adapted_anew && missing_items > 0;
        user.absent = absent;
        Ok(Loaded { user, adapted_anew, missing_items })
    }
}

fn put_number(to: &mut dyn FnMut(&[u8]), number: u32) {
    to(&number.to_le_bytes());
}

fn put_string(to: &mut dyn FnMut(&[u8]), string: &str) {
    put_number(to, string.len() as u32);
    to(string.as_bytes());
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
            memory::push(&mut profile, (field, value))?;
        }
        let mut ratings = Vec::new();
        for _ in 0..rest.number()? {
            memory::push(&mut ratings, (rest.string()?, rest.float()?))?;
        }
        let mut head = Vec::new();
        for _ in 0..rest.number()? {
            memory::push(&mut head, rest.float()?)?;
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
