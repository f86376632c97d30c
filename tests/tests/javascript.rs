//! Bars F2 and F9 in Node: generated modules do the same before and after, and every export and table entry stays the object it was.
//!
//! `WASPECT_SMITH_MODULES` says how many modules are generated (2,040 by default), `WASPECT_SMITH_SEED` where to begin. The default
//! takes less than a minute on two quiet cores.

use std::cmp::Reverse;
use std::{env, fs};

use serde_json::Value;
use waspect_tests::node::{Case, Cases};
use waspect_tests::subject::Subject;
use waspect_tests::{assets, parallel, smith};

/// Modules in a run of the tests: 2,000 and some, since Node does not compile every one.
const MODULES: u64 = 2_040;
/// Room for frames of the least optimised code, which is what most functions stay.
const FLAGS: [&str; 1] = ["--stack-size=3900"];
/// Modules that Node 20 does not compile: they use exception references, or collected objects.
const NOT_IN_NODE: [&str; 2] = ["dart-fmt", "micropython"];

#[test]
fn generated_modules_do_the_same_before_and_after_in_node() {
    let number = |name: &str, default| env::var(name).ok().map_or(default, |text| text.parse().expect("a number"));
    let (first, modules) = (number("WASPECT_SMITH_SEED", 0), number("WASPECT_SMITH_MODULES", MODULES));
    let seeds: Vec<u64> = (first..first + modules).collect();
    let made = parallel::map(&seeds, |&seed| Some(case(&format!("seed {seed}"), smith::for_node(seed)?, true)));
    let mut cases = Cases::default();
    made.iter().flatten().for_each(|case| cases.add(case));
    let total = cases.judge(&FLAGS);
    println!("F2 in Node: {}", words(&total));
    assert_same(&total);
    let ran = total["modules"].as_u64().unwrap_or(0);
    assert!(ran * 10 >= modules * 9, "most modules must run: {}", total["refusals"]);
}

#[test]
fn exports_and_table_entries_stay_the_objects_they_were() {
    let mut paths = assets::modules();
    // The largest first: none of them is left for one thread alone at the end.
    paths.sort_by_key(|path| Reverse(fs::metadata(path).map_or(0, |file| file.len())));
    let made = parallel::map(&paths, |path| {
        let name = path.file_stem().unwrap_or_default().display().to_string();
        case(&name, fs::read(path).expect("it can be read"), false)
    });
    let mut cases = Cases::default();
    made.iter().for_each(|case| cases.add(case));
    let total = cases.judge(&FLAGS);
    println!("F9: {}", words(&total));
    assert_same(&total);
    let refused = total["refusals"].as_array().expect("a list");
    let unexpected: Vec<&Value> = refused
        .iter()
        .filter(|one| !NOT_IN_NODE.iter().any(|name| one.as_str().unwrap_or_default().starts_with(name)))
        .collect();
    assert!(unexpected.is_empty(), "not compiled by Node: {unexpected:?}");
}

/// The module in every mode that Node takes.
fn case(name: &str, original: Vec<u8>, called: bool) -> Case {
    let modes = [Subject::calls(), Subject::counts()].map(|subject| {
        let bytes = subject.prepare(&original).unwrap_or_else(|error| panic!("{name}: {error}"));
        (subject.name.to_owned(), bytes)
    });
    Case { name: name.to_owned(), original, modes: modes.to_vec(), called }
}

fn words(total: &Value) -> String {
    format!(
        "{} modules in 2 modes ({} not compiled by Node), {} calls ({} traps), {} at a limit and not compared further, {} host \
         calls, {} hook calls, {} exports and table entries, {} divergences",
        total["modules"],
        total["refused"],
        total["calls"],
        total["traps"],
        total["limited"],
        total["host_calls"],
        total["hook_calls"],
        total["objects"],
        total["differences"]
    )
}

fn assert_same(total: &Value) {
    let shown: Vec<&str> = total["shown"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    assert!(
        total["differences"] == 0,
        "{} divergences, the first of them:\n{}",
        total["differences"],
        shown.join("\n")
    );
}
