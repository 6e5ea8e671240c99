//! Many users in one call.

use crate::memory;
use crate::{Catalog, Error, RecommendOptions, Recommendation, Result, Scratch, User, threads};

/// A user's answers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Answers<'a> {
    /// The items' indices.
    pub items: &'a [u32],
    /// Their ratings; 1 for each with a model that was trained without ratings.
    pub ratings: &'a [f32],
}

/// Serves many users of one catalogue by several threads, for example a night's mailing.
///
/// It owns a scratch for each thread. Results are the same for any number of threads, to the
/// last bit, and the same as by one call a user.
///
/// ```no_run
/// use melu::{Answers, Batch, Model, RecommendOptions, User};
///
/// let model = Model::open("world.melu")?;
/// let catalog = model.catalog()?.expect("the file has its items");
/// let mut users = vec![User::new(&catalog, &[])?; 2];
/// let answers = [
///     Answers { items: &[3, 17], ratings: &[5.0, 2.0] },
///     Answers { items: &[8], ratings: &[4.0] },
/// ];
/// let mut batch = Batch::new(&catalog, 4)?;
/// batch.adapt(&mut users, &answers)?;
/// let mut lists = Vec::new();
/// batch.recommend(&users, 20, &RecommendOptions::default(), &mut lists)?;
/// # Ok::<(), melu::Error>(())
/// ```
#[derive(Debug)]
pub struct Batch {
    /// One for each thread.
    scratches: Vec<Scratch>,
}

impl Batch {
    /// A batch for the users of a catalogue, served by so many threads: the calling one, and
    /// others that end with each call. At most 256; 0 means 1.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn new(catalog: &Catalog, threads: usize) -> Result<Self> {
        let threads = threads.clamp(1, threads::MAX_THREADS);
        let scratches = (0..threads).map(|_| Scratch::new(catalog));
        let scratches = memory::try_collected(scratches)?;
        Ok(Self { scratches })
    }

    /// Adapts each user to their answers, as [`User::adapt`] does.
    ///
    /// # Errors
    /// [`Error::Argument`] if there are not as many answers as users. [`Error::OfUser`] with
    /// the first user that failed, and the error of [`User::adapt`]: users before that one are
    /// adapted, and so may be some after it.
    pub fn adapt(&mut self, users: &mut [User], answers: &[Answers]) -> Result<()> {
        if users.len() != answers.len() {
            let (users, answers) = (users.len(), answers.len());
            let problem = format!("there are {answers} for {users} users; one each is expected");
            return Err(Error::argument("answers", problem));
        }
        let work = users.iter_mut().zip(answers);
        self.each(work, |(user, answers), scratch| {
            user.adapt(answers.items, answers.ratings, scratch)
        })
    }

    /// The `k` best items for each user, as by [`User::recommend`] with the same options for
    /// all.
    ///
    /// The contents of `lists` are replaced; nothing is allocated for lists that are there
    /// and have the capacity.
    ///
    /// # Errors
    /// [`Error::OfUser`] with the first user that failed, and the error of
    /// [`User::recommend`]. `lists` is then empty.
    pub fn recommend(
        &mut self,
        users: &[User],
        k: usize,
        options: &RecommendOptions,
        lists: &mut Vec<Vec<Recommendation>>,
    ) -> Result<()> {
        lists.truncate(users.len());
        let reserved = memory::reserve(lists, users.len() - lists.len()).map_err(Error::from);
        let served = reserved.and_then(|()| {
            lists.resize_with(users.len(), Vec::new);
            let work = users.iter().zip(lists.iter_mut());
            self.each(work, |(user, list), scratch| user.recommend(k, options, list, scratch))
        });
        served.inspect_err(|_| lists.clear())
    }

    /// Does the work of each user, which threads take one after another.
    fn each<T: Send>(
        &mut self,
        work: impl Iterator<Item = T> + Send,
        serve: impl Fn(T, &mut Scratch) -> Result<()> + Sync,
    ) -> Result<()> {
        threads::in_turn(&mut self.scratches, work, serve)
            .map_err(|(user, error)| Error::OfUser { user, error: Box::new(error) })
    }
}
