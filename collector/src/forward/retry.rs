//! How long to wait before the next attempt. Pure: time and chance come in as numbers.

use std::time::Duration;

use crate::config::Retry;

/// The wait after so many attempts in `elapsed`; `None`: give up. `after` is what the endpoint asks for, a minimum. `chance` in 0..1.
pub(super) fn wait(
    retry: &Retry,
    attempts: u32,
    elapsed: Duration,
    after: Option<Duration>,
    chance: f64,
) -> Option<Duration> {
    let exponent = i32::try_from(attempts.saturating_sub(1)).unwrap_or(i32::MAX);
    let step = retry.initial_interval.as_secs_f64() * retry.multiplier.powi(exponent);
    let step = step.min(retry.max_interval.as_secs_f64());
    let spread = 1.0 + retry.randomization_factor * (2.0 * chance - 1.0);
    let wait = Duration::try_from_secs_f64(step * spread).unwrap_or(retry.max_interval);
    let wait = wait.max(after.unwrap_or_default());
    let given_up = !retry.max_elapsed_time.is_zero() && elapsed.saturating_add(wait) > retry.max_elapsed_time;
    (!given_up).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_longest_and_never_end_unless_told() {
        let retry = Retry { multiplier: 2.0, ..Retry::default() };
        let waits: Vec<_> =
            (1..=7).map(|attempt| wait(&retry, attempt, Duration::MAX, None, 0.5).unwrap().as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(wait(&retry, u32::MAX, Duration::ZERO, None, 1.0), Some(Duration::from_secs(45)));
        assert_eq!(wait(&retry, 1, Duration::ZERO, None, 0.0), Some(Duration::from_millis(500)));
        let asked = Some(Duration::from_secs(20));
        assert_eq!(wait(&retry, 1, Duration::ZERO, asked, 0.5), asked);

        let retry = Retry { max_elapsed_time: Duration::from_secs(10), ..retry };
        assert_eq!(wait(&retry, 1, Duration::from_secs(9), None, 0.5), Some(Duration::from_secs(1)));
        assert_eq!(wait(&retry, 2, Duration::from_secs(9), None, 0.5), None);
    }
}
