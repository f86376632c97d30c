//! How much a client may do with a token that many know: a rate of requests and one of bytes, ten seconds' worth of each at once.
//!
//! A client is an address. Of IPv6 it is a network of 64 bits, which is what one household has. There are 65,536 places, to which
//! chance assigns clients: whoever has many addresses takes no more memory, and has a place of another's only now and then.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::config::RateLimit;
use crate::intake::Refusal;

/// What may come at once, in seconds of the rate.
const BURST_S: u32 = 10;

/// The rates of one token.
pub struct Rates {
    places: RandomState,
    requests: Rate,
    bytes: Rate,
}

/// What is left to one client: goes with its request to where the request's length is known.
#[derive(Clone)]
pub struct Allowance {
    rates: Arc<Rates>,
    place: Place,
}

type Place = u16;

struct Rate {
    limiter: RateLimiter<Place, HashMapStateStore<Place>, MonotonicClock, NoOpMiddleware<Instant>>,
    burst: NonZeroU32,
}

impl Rates {
    /// As configured.
    pub fn new(limit: &RateLimit) -> Rates {
        Rates {
            places: RandomState::new(),
            requests: Rate::new(limit.requests_per_second),
            bytes: Rate::new(limit.bytes_per_second),
        }
    }

    /// Takes a request from what its client may.
    pub fn request(self: &Arc<Rates>, client: IpAddr) -> Result<Allowance, Refusal> {
        let place = self.places.hash_one(network(client)) as Place;
        self.requests.take(place, 1)?;
        Ok(Allowance { rates: self.clone(), place })
    }
}

impl Allowance {
    /// Takes the bytes of a request from what its client may. One that is longer than what may come at once needs all of that.
    pub fn bytes(&self, length: usize) -> Result<(), Refusal> {
        self.rates.bytes.take(self.place, u32::try_from(length).unwrap_or(u32::MAX))
    }
}

impl Rate {
    fn new(per_second: u32) -> Rate {
        let per_second = NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN);
        let burst = per_second.saturating_mul(NonZeroU32::new(BURST_S).expect("it is ten"));
        let quota = Quota::per_second(per_second).allow_burst(burst);
        Rate { limiter: RateLimiter::new(quota, HashMapStateStore::default(), MonotonicClock), burst }
    }

    fn take(&self, place: Place, count: u32) -> Result<(), Refusal> {
        let count = NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN).min(self.burst);
        let taken = self.limiter.check_key_n(&place, count).expect("it is no more than may come at once");
        taken.map_err(|until| Refusal::Rate { after: until.wait_time_from(MonotonicClock.now()) })
    }
}

fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(client) => Ipv6Addr::from_bits(client.to_bits() & !u128::from(u64::MAX)).into(),
        client => client,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn rates(requests_per_second: u32, bytes_per_second: u32) -> Arc<Rates> {
        Arc::new(Rates::new(&RateLimit { requests_per_second, bytes_per_second }))
    }

    fn wait<T>(taken: Result<T, Refusal>) -> Duration {
        match taken {
            Err(Refusal::Rate { after }) => after,
            Err(other) => panic!("{other:?}"),
            Ok(_) => Duration::ZERO,
        }
    }

    #[test]
    fn each_client_has_ten_seconds_at_once() {
        let rates = rates(1, 100);
        let client: IpAddr = "2001:db8::1".parse().unwrap();
        assert!((0..10).all(|_| rates.request(client).is_ok()));
        let after = wait(rates.request(client));
        assert!(after > Duration::ZERO && after <= Duration::from_secs(1), "{after:?}");
        assert!(wait(rates.request("2001:db8::ffff".parse().unwrap())) > Duration::ZERO, "a household is one client");
    }

    #[test]
    fn bytes_count_whatever_requests_they_are_in() {
        let client: IpAddr = "192.0.2.1".parse().unwrap();
        let allowance = rates(100, 100).request(client).unwrap_or_else(|_| panic!("it is the first"));
        assert_eq!(allowance.bytes(900), Ok(()));
        let after = wait(allowance.bytes(250));
        assert!(after > Duration::ZERO && after <= Duration::from_millis(1500), "{after:?}");
        assert_eq!(allowance.bytes(100), Ok(()));

        let allowance = rates(100, 100).request(client).unwrap_or_else(|_| panic!("it is the first"));
        assert_eq!(allowance.bytes(1 << 30), Ok(()), "it would be refused for ever");
        assert!(wait(allowance.bytes(1)) > Duration::ZERO, "it took all");
    }

    #[test]
    fn a_flood_of_addresses_takes_nobody_elses_rate() {
        let rates = rates(10, 100);
        for number in 0..200_000 {
            rates.request(Ipv6Addr::from_bits(number << 64).into()).unwrap_or_else(|_| panic!("it is alone"));
        }
        assert!(rates.requests.limiter.len() <= 1 << 16);
        assert!(rates.request("192.0.2.1".parse().unwrap()).is_ok());
    }
}
