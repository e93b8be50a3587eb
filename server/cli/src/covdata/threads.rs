//! Work that all processors share.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::Result;

/// Threads beyond these wait for the disk, and each holds what it makes.
const MOST_THREADS: usize = 8;

/// Visits the numbers below `n`, each thread with a state of its own, and gives those states; at
/// least one. Which thread visits which number is left to chance. After an error, which is given,
/// some are not visited.
pub(super) fn each<S: Send>(
    n: usize,
    make: impl Fn() -> S + Sync,
    visit: impl Fn(&mut S, usize) -> Result<()> + Sync,
) -> Result<Vec<S>> {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(None::<anyhow::Error>);
    let work = || {
        let mut state = make();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= n {
                return state;
            }
            if let Err(error) = visit(&mut state, at) {
                *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                next.store(n, Ordering::Relaxed);
                return state;
            }
        }
    };
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    // A thread costs about as much as a small file.
    let n_threads = processors.min(MOST_THREADS).min(n / 2).max(1);
    let states = std::thread::scope(|scope| {
        let others: Vec<_> = (1..n_threads).map(|_| scope.spawn(work)).collect();
        let mut all = vec![work()];
        all.extend(others.into_iter().filter_map(|thread| thread.join().ok()));
        all
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(states),
    }
}

/// What `make` gives for each number below `n`, in their order.
pub(super) fn map<T: Send>(n: usize, make: impl Fn(usize) -> Result<T> + Sync) -> Result<Vec<T>> {
    let parts = each(n, Vec::new, |made, at| {
        made.push((at, make(at)?));
        Ok(())
    })?;
    let mut made: Vec<_> = parts.into_iter().flatten().collect();
    made.sort_unstable_by_key(|(at, _)| *at);
    Ok(made.into_iter().map(|(_, made)| made).collect())
}
