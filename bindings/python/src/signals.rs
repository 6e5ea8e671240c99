//! Work in a thread of its own, while the caller's looks at signals.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;

/// The time between two looks at signals.
pub const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Does some work without the interpreter's lock. Where a signal raises an exception, such as
/// `KeyboardInterrupt`, sets `stop`, waits until the work has ended, and returns the exception.
pub fn interruptible<T: Send>(
    py: Python<'_>,
    stop: &AtomicBool,
    work: impl FnOnce() -> T + Send,
) -> PyResult<T> {
    let (sender, receiver) = mpsc::channel::<()>();
    let receiver = Mutex::new(receiver);
    std::thread::scope(|scope| {
        let thread = scope.spawn(move || {
            // Dropped at the end, also of a panic: that ends the wait.
            let _sender = sender;
            work()
        });
        let mut raised: Option<PyErr> = None;
        loop {
            let waited = py.detach(|| {
                let receiver = receiver.lock().unwrap_or_else(PoisonError::into_inner);
                receiver.recv_timeout(BETWEEN_LOOKS)
            });
            if let Err(error) = py.check_signals() {
                stop.store(true, Ordering::Relaxed);
                raised.get_or_insert(error);
            }
            if matches!(waited, Err(RecvTimeoutError::Disconnected)) {
                break;
            }
        }
        let done = py.detach(|| thread.join());
        let done = done.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        raised.map_or(Ok(done), Err)
    })
}
