//! A catalogue's scratches, lent to the calls that compute.

use std::ops::Deref;
use std::sync::{Arc, Mutex};

use super::handle::boxed;
use crate::user::recommend::TOGETHER;
use crate::{Catalog, Scratch, memory};

/// The number of calls that compute at once without an allocation; each further call
/// makes a scratch of its own.
const PLACES: usize = 64;

/// A catalogue with the scratches that its users compute in.
#[derive(Clone, Debug)]
pub struct Pool(Arc<PoolContents>);

#[derive(Debug)]
struct PoolContents {
    catalog: Catalog,
    scratches: Places<Scratch>,
}

impl Deref for Pool {
    type Target = Catalog;

    fn deref(&self) -> &Catalog {
        &self.0.catalog
    }
}

impl Pool {
    /// A catalogue without scratches.
    pub fn new(catalog: Catalog) -> memory::Result<Self> {
        Ok(Self(Arc::new(PoolContents { catalog, scratches: Places::new()? })))
    }

    /// Runs `work` with a scratch. If it panics, the scratch is dropped.
    ///
    /// # Errors
    /// Those of the work, and [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn with<R, E: From<crate::Error>>(
        &self,
        work: impl FnOnce(&mut Scratch) -> Result<R, E>,
    ) -> Result<R, E> {
        self.0.scratches.with(|| self.scratch(), work)
    }

    /// Runs `work` with up to so many scratches: at least one, and as many as there is memory for.
    /// If it panics, they are dropped.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn with_several<R>(
        &self,
        count: usize,
        work: impl FnOnce(&mut [Option<Box<Scratch>>; TOGETHER]) -> R,
    ) -> crate::Result<R> {
        let places = &self.0.scratches;
        let mut scratches = [const { None }; TOGETHER];
        for (place, scratch) in scratches.iter_mut().enumerate().take(count) {
            match places.take(|| self.scratch()) {
                Ok(taken) => *scratch = Some(taken),
                Err(error) if place == 0 => return Err(error),
                Err(_) => break,
            }
        }
        let result = work(&mut scratches);
        places.put_all_back(&mut scratches);
        Ok(result)
    }

    // Compiled once, and not for each work.
    #[inline(never)]
    fn scratch(&self) -> crate::Result<Box<Scratch>> {
        Ok(boxed(Scratch::new(self)?)?)
    }
}

/// Things that are lent, one to a call.
///
/// A call takes one and puts it back, so that there are as many as calls ran at once, and
/// nothing is allocated any more. A thread looks first at the place where it put its last
/// one, which may still hold what it computed of the same user. No thread waits for
/// another: a place in use is passed over. A queue without locks, such as crossbeam's,
/// would hand out the one that was used longest ago instead.
#[derive(Debug)]
struct Places<T>(Vec<Mutex<Option<Box<T>>>>);

impl<T> Places<T> {
    fn new() -> memory::Result<Self> {
        memory::collected((0..PLACES).map(|_| Mutex::new(None))).map(Self)
    }

    fn with<R, E: From<crate::Error>>(
        &self,
        make: impl FnOnce() -> crate::Result<Box<T>>,
        work: impl FnOnce(&mut T) -> Result<R, E>,
    ) -> Result<R, E> {
        let mut thing = self.take(make)?;
        let result = work(&mut thing);
        self.put_back(thing);
        result
    }

    /// One that is there, or a new one. Compiled once, and not for each work.
    #[inline(never)]
    fn take(&self, make: impl FnOnce() -> crate::Result<Box<T>>) -> crate::Result<Box<T>> {
        let there = self.places().find_map(|place| place.try_lock().ok()?.take());
        there.map_or_else(make, Ok)
    }

    #[inline(never)]
    fn put_back(&self, thing: Box<T>) {
        let locked = self.places().filter_map(|place| place.try_lock().ok());
        if let Some(mut place) = { locked }.find(|place| place.is_none()) {
            *place = Some(thing);
        }
    }

    #[inline(never)]
    fn put_all_back(&self, things: &mut [Option<Box<T>>]) {
        things.iter_mut().filter_map(Option::take).for_each(|thing| self.put_back(thing));
    }

    /// All places, from this thread's on.
    fn places(&self) -> impl Iterator<Item = &Mutex<Option<Box<T>>>> {
        thread_local!(static OWN: u8 = const { 0 });
        // Fibonacci hashing: what threads own lies apart by a multiple of some power of two.
        let address = OWN.with(|own| (&raw const *own).addr()) as u64;
        let first = address.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58;
        self.0.iter().cycle().skip(first as usize).take(PLACES)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    fn count(places: &Places<u64>) -> usize {
        places.0.iter().filter(|place| place.lock().unwrap().is_some()).count()
    }

    fn with<R>(places: &Places<u64>, work: impl FnOnce(&mut u64) -> R) -> R {
        let result: crate::Result<R> = places.with(|| Ok(Box::new(7)), |thing| Ok(work(thing)));
        result.unwrap()
    }

    #[test]
    fn there_are_as_many_as_calls_ran_at_once() {
        let places = Places::new().unwrap();
        let address = |thing: &mut u64| (&raw const *thing).addr();
        let first = with(&places, address);
        for _ in 0..3 {
            assert_eq!(with(&places, address), first, "the same is taken again");
        }
        assert_eq!(count(&places), 1);
        for threads in [PLACES, PLACES + 3] {
            let all_there = Barrier::new(threads);
            let call = |thing: &mut u64| {
                all_there.wait();
                let address = address(thing);
                all_there.wait();
                address
            };
            let used: HashSet<usize> = thread::scope(|scope| {
                let calls: Vec<_> =
                    (0..threads).map(|_| scope.spawn(|| with(&places, call))).collect();
                calls.into_iter().map(|call| call.join().unwrap()).collect()
            });
            assert_eq!(used.len(), threads, "no two calls share one");
            // A place that another thread looked at just then may have been passed over.
            assert!((1..=PLACES).contains(&count(&places)), "{}", count(&places));
        }
    }

    #[test]
    fn what_a_panic_came_through_is_not_used_again() {
        let places = Places::new().unwrap();
        let panics = || with(&places, |_| std::panic::resume_unwind(Box::new("within")));
        assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
        assert_eq!(count(&places), 0);
    }
}
