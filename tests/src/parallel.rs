//! A list of jobs over a few threads with deep stacks.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::engine::THREAD_STACK_BYTES;

/// Does every job and gives the results in the jobs' order. Threads: as many as the machine has cores.
pub fn map<J: Sync, R: Send>(jobs: &[J], work: impl Fn(&J) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(jobs.len()));
    let threads = thread::available_parallelism().map_or(2, |count| count.get());
    thread::scope(|scope| {
        for _ in 0..threads {
            let worker = || {
                while let Some((at, job)) = pick(&next, jobs) {
                    let result = work(job);
                    results.lock().expect("no worker panics here").push((at, result));
                }
            };
            thread::Builder::new().stack_size(THREAD_STACK_BYTES).spawn_scoped(scope, worker).expect("a thread starts");
        }
    });
    let mut results = results.into_inner().expect("all workers are done");
    results.sort_by_key(|&(at, _)| at);
    results.into_iter().map(|(_, result)| result).collect()
}

fn pick<'a, J>(next: &AtomicUsize, jobs: &'a [J]) -> Option<(usize, &'a J)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    jobs.get(at).map(|job| (at, job))
}
