//! When to try again: exponential backoff with jitter, or when the peer says. Pure: time and chance come in as numbers.

use std::time::Duration;

/// How a batch that could not be delivered is tried again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// The first wait.
    pub initial: Duration,
    /// The longest wait that we choose ourselves.
    pub wait_max: Duration,
    /// How much longer each wait is than the one before.
    pub multiplier: f64,
    /// How long a batch is tried, first attempt included.
    pub total_max: Duration,
}

impl Default for RetryPolicy {
    /// 1 s, then 1.5 times longer each time up to 5 s, for 30 s.
    fn default() -> RetryPolicy {
        RetryPolicy {
            initial: Duration::from_secs(1),
            wait_max: Duration::from_secs(5),
            multiplier: 1.5,
            total_max: Duration::from_secs(30),
        }
    }
}

impl RetryPolicy {
    /// How long to wait before the next attempt; `None`: give up.
    ///
    /// `attempts` were made so far, in `elapsed`. `asked` is what the peer wants; it is a minimum, never shortened. `chance` in
    /// 0..1 spreads the waits over half to the whole of each step, so that clients that failed together do not come
    /// back together.
    pub fn next(&self, attempts: u32, elapsed: Duration, asked: Option<Duration>, chance: f64) -> Option<Duration> {
        let exponent = i32::try_from(attempts.saturating_sub(1)).unwrap_or(i32::MAX);
        let step = self.initial.as_secs_f64() * self.multiplier.powi(exponent);
        let step = step.min(self.wait_max.as_secs_f64());
        let wait = Duration::try_from_secs_f64(step * (0.5 + chance / 2.0)).unwrap_or(self.wait_max);
        let wait = asked.map_or(wait, |asked| asked.max(wait));
        (elapsed.checked_add(wait)? <= self.total_max).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        initial: Duration::from_secs(1),
        wait_max: Duration::from_secs(4),
        multiplier: 2.0,
        total_max: Duration::from_secs(60),
    };

    #[test]
    fn waits_double_up_to_the_longest() {
        let waits: Vec<_> =
            (1..=5).map(|attempts| POLICY.next(attempts, Duration::ZERO, None, 1.0).unwrap().as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 4, 4]);
    }

    #[test]
    fn chance_takes_at_most_half() {
        assert_eq!(POLICY.next(2, Duration::ZERO, None, 0.0), Some(Duration::from_secs(1)));
        assert_eq!(POLICY.next(2, Duration::ZERO, None, 0.5), Some(Duration::from_millis(1500)));
    }

    #[test]
    fn what_the_peer_asks_is_a_minimum() {
        let asked = Some(Duration::from_secs(20));
        assert_eq!(POLICY.next(1, Duration::ZERO, asked, 0.0), asked);
        assert_eq!(POLICY.next(3, Duration::ZERO, Some(Duration::ZERO), 1.0), Some(Duration::from_secs(4)));
    }

    #[test]
    fn gives_up_when_the_wait_would_end_too_late() {
        assert_eq!(POLICY.next(1, Duration::from_secs(60), None, 0.0), None);
        assert_eq!(POLICY.next(1, Duration::ZERO, Some(Duration::from_secs(61)), 0.0), None);
        assert_eq!(POLICY.next(1, Duration::MAX, None, 0.0), None);
    }

    #[test]
    fn survives_any_number_of_attempts() {
        assert_eq!(POLICY.next(u32::MAX, Duration::ZERO, None, 1.0), Some(POLICY.wait_max));
    }
}
