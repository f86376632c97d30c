//! Work on function bodies, in order, by as many threads as asked for. The results never depend on how many.

use std::num::NonZeroUsize;

/// Bytes of function bodies that one thread takes at a time: enough to make a thread worth starting, few enough that what
/// is being worked on stays small beside the module.
pub(crate) const CHUNK_BYTES: usize = 1 << 18;

/// Cuts consecutive items into runs of about [`CHUNK_BYTES`], works on the runs in parallel, and hands the results to `take`
/// in order. The first error, in order, ends it.
pub(crate) fn in_order<T: Sync, R: Send, E: Send>(
    items: &[T],
    threads: Option<NonZeroUsize>,
    bytes: impl Fn(&T) -> usize,
    work: impl Fn(&[T]) -> Result<R, E> + Sync,
    mut take: impl FnMut(R),
) -> Result<(), E> {
    let runs = runs(items, bytes);
    for window in runs.chunks(thread_count(threads)) {
        for result in window_results(window, &work) {
            take(result?);
        }
    }
    Ok(())
}

fn runs<T>(items: &[T], bytes: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let mut runs = Vec::new();
    let (mut start, mut sum) = (0, 0);
    for (at, item) in items.iter().enumerate() {
        sum += bytes(item);
        if sum >= CHUNK_BYTES {
            runs.push(&items[start..=at]);
            (start, sum) = (at + 1, 0);
        }
    }
    if start < items.len() {
        runs.push(&items[start..]);
    }
    runs
}

#[cfg(not(target_family = "wasm"))]
fn thread_count(asked: Option<NonZeroUsize>) -> usize {
    let machine = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(8);
    asked.map_or_else(machine, NonZeroUsize::get)
}

#[cfg(target_family = "wasm")]
fn thread_count(_asked: Option<NonZeroUsize>) -> usize {
    1
}

/// One result a run. The calling thread takes the first run itself, so that one thread starts none.
fn window_results<T: Sync, R: Send, E: Send>(
    window: &[&[T]],
    work: &(impl Fn(&[T]) -> Result<R, E> + Sync),
) -> Vec<Result<R, E>> {
    let Some((first, rest)) = window.split_first() else { return Vec::new() };
    if rest.is_empty() {
        return vec![work(first)];
    }
    std::thread::scope(|scope| {
        let others: Vec<_> = rest.iter().map(|run| scope.spawn(move || work(run))).collect();
        let mut results = vec![work(first)];
        // A panic of ours in a worker is our bug: let it go on here.
        results.extend(
            others.into_iter().map(|other| other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))),
        );
        results
    })
}
