//! Threads that share the work of one call, and end with it.

use std::panic::resume_unwind;
use std::sync::Mutex;
use std::thread::{self, Builder};

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

/// [`share`] with any helpers: the code that starts threads is compiled once.
fn run(helpers: usize, help: &(dyn Fn() + Sync), own: &mut dyn FnMut()) {
    if helpers == 0 {
        return own();
    }
    thread::scope(|scope| {
        let start = |_| Builder::new().name(NAME.into()).spawn_scoped(scope, help).ok();
        let started: Vec<_> = (0..helpers).map_while(start).collect();
        own();
        let ends: Vec<_> = started.into_iter().map(|thread| thread.join()).collect();
        if let Some(panic) = ends.into_iter().find_map(Result::err) {
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
