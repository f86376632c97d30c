//! Bar F6: the bodies of the fuzz targets, a hundred inputs each from fixed seeds.

use waspect_tests::random::Random;
use waspect_tests::{bodies, parallel, smith};

fn hundred() -> Vec<u64> {
    (0..100).collect()
}

#[test]
fn any_bytes_are_refused_or_become_a_valid_module() {
    parallel::map(&hundred(), |&seed| {
        let mut random = Random::new(seed);
        let len = random.below(4096);
        let mut bytes = random.bytes(len);
        bodies::any_bytes(&bytes);
        bytes.splice(0..0, *b"\0asm\x01\0\0\0");
        bodies::any_bytes(&bytes);
    });
}

#[test]
fn truncated_modules_are_refused() {
    let module = smith::module(1).expect("seed 1 gives a module");
    let ends: Vec<usize> = (0..module.len()).step_by(module.len() / 100 + 1).collect();
    parallel::map(&ends, |&end| bodies::any_bytes(&module[..end]));
}

#[test]
fn mutated_modules_are_refused_or_become_valid_modules() {
    parallel::map(&(0..1_000).collect::<Vec<u64>>(), |&seed| bodies::mutated_module(seed));
}

#[test]
fn valid_modules_need_no_more_features_than_before() {
    parallel::map(&hundred(), |&seed| smith::module(seed).iter().for_each(|module| bodies::valid_module(module)));
}

#[test]
fn any_options_are_refused_or_give_a_valid_module() {
    parallel::map(&hundred(), |&seed| {
        smith::module(seed).iter().for_each(|module| bodies::any_options(module, seed));
    });
}

#[test]
fn any_bytes_as_what_describes_code() {
    parallel::map(&hundred(), |&seed| {
        let mut random = Random::new(seed);
        let len = random.below(2048);
        bodies::describing_sections(&random.bytes(len));
        // Small numbers are lengths and codes that lead somewhere.
        let small: Vec<u8> = (0..len).map(|_| [0, 0, 1, 1, 2, 4, 5, 0x11, 0x17, 0x55][random.below(10)]).collect();
        bodies::describing_sections(&small);
    });
}

#[test]
fn any_bytes_as_a_manifest() {
    parallel::map(&hundred(), |&seed| {
        let mut random = Random::new(seed);
        let len = random.below(512);
        bodies::manifest(&random.bytes(len));
        // Bytes that are nearly a manifest get further.
        let mut near =
            waspect_abi::Manifest { name: "m".into(), function_count: 9, ..Default::default() }.encode_bytes();
        let at = random.below(near.len());
        near[at] = random.number() as u8;
        bodies::manifest(&near);
    });
}
