//! Every `configuration/*.yaml` is a test: `NAME.out` beside it is what is said of it, an error or all settings.
//!
//! `# ENV: NAME=VALUE` in the first lines sets a variable. `BLESS=1 cargo test -p waspect-collector --test configuration` writes the
//! files; read the diff, then commit.

use std::path::{Path, PathBuf};

use libtest_mimic::{Arguments, Failed, Trial};
use waspect_collector::config;

fn main() {
    let arguments = Arguments::from_args();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configuration");
    let mut cases: Vec<PathBuf> = directory.read_dir().expect("cases").map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    cases.sort();
    assert!(!cases.is_empty(), "no cases in {}", directory.display());
    let name = |case: &Path| case.file_stem().unwrap_or_default().display().to_string();
    let trials = cases.into_iter().map(|case| Trial::test(name(&case), move || check(&case)));
    libtest_mimic::run(&arguments, trials.collect()).exit();
}

fn check(case: &Path) -> Result<(), Failed> {
    let yaml = std::fs::read_to_string(case)?;
    let variables = yaml.lines().filter_map(|line| line.strip_prefix("# ENV: ")?.split_once('='));
    let loaded = config::load(&yaml, variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let said = match loaded {
        Ok(config) => {
            let printed = config::to_yaml(&config);
            // What is printed is a configuration that says the same; a secret is not in it.
            let again = config::load(&printed, []).map_err(|error| format!("{error}\n{printed}"))?;
            assert_eq!(config::to_yaml(&again), printed);
            printed
        }
        Err(error) => format!("error: {error}\n"),
    };
    let expected = case.with_extension("out");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&expected, &said)?;
    }
    let blessed = std::fs::read_to_string(&expected).unwrap_or_default();
    match said == blessed {
        true => Ok(()),
        false => Err(format!("{}: expected\n{blessed}\nbut it is\n{said}", case.display()).into()),
    }
}
