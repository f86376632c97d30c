//! Whether bytes are a profile that can be stored: whole, in bounds, and all that it names is there.

use prost::Message;
use waspect_abi::pprof::Profile;

use super::merge::Merged;
use crate::otlp::inspect_profile;
use crate::query::Budget;

/// Longest profile, decompressed.
pub const PROFILE_BYTES_MAX: usize = 4 << 20;

/// Samples, locations, functions and their like in one: two bytes of a stranger's decode to a hundred of ours.
const MESSAGES_MAX: u64 = 200_000;

/// Reads a profile that can be merged with others; or says why it is none.
pub fn check(bytes: &[u8]) -> Result<Profile, String> {
    if bytes.is_empty() {
        return Err("the body is empty; send a pprof profile, gzipped or not".to_owned());
    }
    if bytes.len() > PROFILE_BYTES_MAX {
        return Err(format!("a profile of more than {PROFILE_BYTES_MAX} bytes; profile for a shorter time"));
    }
    let walked = inspect_profile(bytes)
        .map_err(|malformed| format!("not a pprof profile: {} at byte {}", malformed.what, malformed.at))?;
    if walked.messages > MESSAGES_MAX {
        return Err(format!(
            "a profile of {} samples, locations and functions; at most {MESSAGES_MAX} are taken",
            walked.messages
        ));
    }
    let profile = Profile::decode(bytes).map_err(|error| format!("not a pprof profile: {error}"))?;
    // What can be added to nothing can be added to others.
    Merged::default().add(&profile, &mut Budget::new()).map_err(|why| format!("not a pprof profile: {why}"))?;
    Ok(profile)
}

#[cfg(test)]
mod tests {
    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};

    use super::super::merge::tests::profile;
    use super::*;

    #[test]
    fn what_is_no_profile_is_refused_with_the_reason() {
        let good = profile(&[("main", 1)]);
        let broken = |change: &dyn Fn(&mut Profile)| {
            let mut profile = good.clone();
            change(&mut profile);
            check(&profile.encode_to_vec()).unwrap_err()
        };
        check(&good.encode_to_vec()).unwrap();
        let cases: [(&str, String); 8] = [
            ("is empty", check(b"").unwrap_err()),
            ("cut off", check(&[0x0a, 5]).unwrap_err()),
            ("first text", broken(&|profile| profile.string_table[0] = "x".into())),
            ("location 9", broken(&|profile| profile.sample[0].location_id[0] = 9)),
            ("function 9", broken(&|profile| profile.location[0].line[0].function_id = 9)),
            ("text -1", broken(&|profile| profile.function[0].name = -1)),
            ("values", broken(&|profile| profile.sample[0].value.push(1))),
            ("twice", broken(&|profile| profile.location.push(profile.location[0].clone()))),
        ];
        for (wanted, said) in cases {
            assert!(said.contains(wanted), "{wanted}: {said}");
        }
        let many = [0x12, 0].repeat(MESSAGES_MAX as usize + 1);
        assert!(check(&many).unwrap_err().contains("at most 200000"));
    }

    #[test]
    fn no_bytes_make_it_panic_or_take_what_cannot_be_merged() {
        let mut random = SmallRng::seed_from_u64(2);
        let (mut taken, mut refused) = (0, 0);
        let good = profile(&[("main", 1), ("main;parse", 2)]).encode_to_vec();
        for _ in 0..10_000 {
            let mut bytes = good.clone();
            for _ in 0..random.random_range(1..4) {
                let at = random.random_range(0..bytes.len());
                match random.random_range(0..3) {
                    0 => bytes.truncate(at.max(1)),
                    1 => bytes[at] = random.random(),
                    _ => bytes.insert(at, random.random()),
                }
            }
            match check(&bytes) {
                Ok(profile) => {
                    taken += 1;
                    let mut merged = Merged::default();
                    merged.add(&profile, &mut Budget::new()).unwrap();
                    check(&merged.finish(0, 0, &[]).encode_to_vec()).expect("a merged profile is one");
                }
                Err(_) => refused += 1,
            }
        }
        assert!(taken > 100 && refused > 1000, "{taken} {refused}");
    }
}
