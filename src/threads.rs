//! Threads that share the work of one call, and end with it.

use std::panic::resume_unwind;
use std::sync::Mutex;
use std::thread::{self, Builder};

use crate::memory;

/// The most threads of one call, whatever it asks for.
pub const MAX_THREADS: usize = 256;

/// The name of the threads.
pub const NAME: &str = "melu";

/// Runs `own`, and at the same time `help` for each of the helpers on its own thread.
///
/// If a thread cannot be started, the others do its work, so threads must take work from a
/// common supply. Without helpers nothing is allocated. A panic in one of them is passed on
/// when all are done.
pub fn share<H: Send>(helpers: &mut [H], help: impl Fn(&mut H) + Sync, mut own: impl FnMut()) {
    let count = helpers.len();
    let helpers = Mutex::new(helpers.iter_mut());
    let next = || helpers.lock().ok()?.next();
    run(count, &|| next().into_iter().for_each(&help), &mut own);
}

/// Serves a list of work by as many threads as there are states, at least one: each takes one
/// piece after another, in order. Returns the first place that failed, with its error.
///
/// After a failure no more is taken; what stands before it in the list was taken earlier, and
/// is served.
pub fn in_turn<T: Send, S: Send, E: Send>(
    states: &mut [S],
    work: impl Iterator<Item = T> + Send,
    serve: impl Fn(T, &mut S) -> Result<(), E> + Sync,
) -> Result<(), (usize, E)> {
    let Some((own, helpers)) = states.split_first_mut() else { return Ok(()) };
    let supply = Mutex::new((work.enumerate(), None::<(usize, E)>));
    let next = || match &mut *supply.lock().ok()? {
        (work, None) => work.next(),
        (_, Some(_)) => None,
    };
    let run = |state: &mut S| {
        while let Some((place, piece)) = next() {
            let Err(error) = serve(piece, state) else { continue };
            if let Ok(mut supply) = supply.lock()
                && supply.1.as_ref().is_none_or(|(first, _)| place < *first)
            {
                supply.1 = Some((place, error));
            }
        }
    };
    share(helpers, run, || run(own));
    supply.into_inner().ok().and_then(|(_, failed)| failed).map_or(Ok(()), Err)
}

/// [`share`] with any helpers: the code that starts threads is compiled once.
fn run(helpers: usize, help: &(dyn Fn() + Sync), own: &mut dyn FnMut()) {
    if helpers == 0 {
        return own();
    }
    thread::scope(|scope| {
        let start = |_| Builder::new().name(NAME.into()).spawn_scoped(scope, help).ok();
        let mut started = Vec::new();
        // The work is done all the same, by the calling thread alone.
        if memory::reserve(&mut started, helpers).is_ok() {
            started.extend((0..helpers).map_while(start));
        }
        own();
        let mut panic = None;
        for thread in started {
            panic = panic.or(thread.join().err());
        }
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    });
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn each_helper_has_a_thread_that_ends_with_the_call() {
        for count in [0, 1, 7] {
            let mut helpers = vec![None; count];
            let mut own = None;
            share(
                &mut helpers,
                |id| *id = Some(thread::current().id()),
                || {
                    own = Some(thread::current().id());
                },
            );
            assert_eq!(own, Some(thread::current().id()));
            let ids: HashSet<_> = helpers.into_iter().chain([own]).collect();
            assert_eq!(ids.len(), count + 1);
            assert!(!ids.contains(&None));
        }
    }

    #[test]
    fn the_first_failure_is_found_and_what_stands_before_it_is_served() {
        for count in [1, 2, 7] {
            let served = AtomicUsize::new(0);
            let outcome = in_turn(&mut vec![(); count], 0..20_usize, |place, ()| {
                if place == 9 || place == 11 {
                    return Err(place * 10);
                }
                served.fetch_or(1 << place, Ordering::Relaxed);
                Ok(())
            });
            assert_eq!(outcome, Err((9, 90)));
            let before = (1 << 9) - 1;
            assert_eq!(served.into_inner() & before, before);
        }
        assert_eq!(in_turn(&mut [(); 3], 0..20, |_, ()| Ok::<(), ()>(())), Ok(()));
    }

    #[test]
    fn a_panic_is_passed_on_when_all_are_done() {
        let done = AtomicUsize::new(0);
        let work = |number: &mut usize| {
            if *number == 1 {
                resume_unwind(Box::new("one"));
            }
            done.fetch_add(1, Ordering::Relaxed);
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| share(&mut [0, 1, 2], work, || {})));
        assert_eq!(outcome.unwrap_err().downcast_ref(), Some(&"one"));
        let own = || resume_unwind(Box::new("own"));
        let outcome = catch_unwind(AssertUnwindSafe(|| share(&mut [0, 2], work, own)));
        assert_eq!(outcome.unwrap_err().downcast_ref(), Some(&"own"));
        assert_eq!(done.load(Ordering::Relaxed), 4);
    }
}
